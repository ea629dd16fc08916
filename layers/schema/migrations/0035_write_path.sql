-- The write path at the rate of a city: receipts by day, marks of clocks that run ahead, counters of what was thinned.

-- The version of what stands in a layer's table alone. `version` also moves with the live state beside it, many times a
-- second; who keeps a copy of the table (the join) looks at this one.
ALTER TABLE onemap.layer ADD COLUMN table_version bigint NOT NULL DEFAULT 0;
UPDATE onemap.layer SET table_version = version;

CREATE OR REPLACE FUNCTION onemap.touch_layer() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = onemap, pg_temp AS $$
DECLARE
    next_version bigint := nextval('onemap.layer_version');
    now_is record;
BEGIN
    UPDATE onemap.layer SET version = next_version, table_version = next_version, changed_at = clock_timestamp()
    WHERE id = tg_table_name RETURNING version, extract(epoch FROM changed_at) AS epoch_s INTO now_is;
    PERFORM pg_notify('onemap_layer', format('%s:%s:%s', tg_table_name, now_is.version, now_is.epoch_s));
    RETURN NULL;
END
$$;

-- Which messages have been taken. A receipt begins with the second of its message's time, so that new ones lie side by
-- side in the index whatever their digest, and a day of them is dropped as a whole. What belongs to no day that is
-- kept goes to `_rest`, where it is kept by the time it came.
DROP TABLE twin.receipt;
CREATE TABLE twin.receipt (
    digest uuid PRIMARY KEY,                        -- 4 bytes: seconds since 1970; 12 bytes of a digest
    received_at timestamptz NOT NULL DEFAULT now()
) PARTITION BY RANGE (digest);
CREATE TABLE twin.receipt_rest PARTITION OF twin.receipt DEFAULT;
CREATE INDEX receipt_rest_age ON twin.receipt_rest USING brin (received_at);

-- What a message said its time was, when that lies in the future. It counts at the time it came, so that a clock that
-- runs ahead never wins the state for ever; NULL where the clock was right.
ALTER TABLE twin.position ADD COLUMN claimed_time timestamptz;
ALTER TABLE twin.observation ADD COLUMN claimed_time timestamptz;
ALTER TABLE twin.event_version ADD COLUMN claimed_time timestamptz;

ALTER TABLE twin.feed ADD COLUMN coalesced bigint NOT NULL DEFAULT 0; -- positions thinned under pressure
ALTER TABLE twin.feed ADD COLUMN suspect bigint NOT NULL DEFAULT 0;

-- Frames are text that repeats itself: lz4 packs it at a tenth of the default's cost, where the server knows it.
DO $$
BEGIN
    ALTER TABLE twin.change ALTER COLUMN changes SET COMPRESSION lz4;
EXCEPTION WHEN feature_not_supported OR invalid_parameter_value THEN NULL;
END
$$;

-- The smallest receipt of a moment.
CREATE FUNCTION twin.receipt_from(moment timestamptz) RETURNS uuid
LANGUAGE sql IMMUTABLE AS $$
SELECT (lpad(to_hex(extract(epoch FROM moment)::bigint), 8, '0') || repeat('0', 24))::uuid
$$;

-- Make the partitions of a day (UTC), if they are not there. Called ahead of time by whoever ingests.
CREATE OR REPLACE FUNCTION twin.make_day(day date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, pg_temp AS $$
DECLARE
    kind text;
    first timestamptz := make_day.day::timestamp AT TIME ZONE 'UTC';
    next timestamptz := (make_day.day + 1)::timestamp AT TIME ZONE 'UTC';
BEGIN
    PERFORM pg_advisory_xact_lock(440108); -- every worker makes the same days when it starts
    FOREACH kind IN ARRAY ARRAY['position', 'observation', 'receipt'] LOOP
        CONTINUE WHEN to_regclass(format('twin.%I', kind || '_' || to_char(day, 'YYYYMMDD'))) IS NOT NULL;
        BEGIN
            IF kind = 'receipt' THEN
                EXECUTE format('CREATE TABLE twin.%I PARTITION OF twin.receipt FOR VALUES FROM (%L) TO (%L)',
                    kind || '_' || to_char(day, 'YYYYMMDD'), receipt_from(first), receipt_from(next));
            ELSE
                EXECUTE format('CREATE TABLE twin.%I PARTITION OF twin.%I FOR VALUES FROM (%L) TO (%L)',
                    kind || '_' || to_char(day, 'YYYYMMDD'), kind, first, next);
            END IF;
        EXCEPTION WHEN check_violation THEN NULL; -- rows of that day lie in the rest already, and stay there
        END;
    END LOOP;
END
$$;

-- Drop the partitions of a table's days before one (UTC), as a whole; returns how many. Waits for nobody: whoever still
-- reads such a day keeps it until the next call.
CREATE FUNCTION twin.drop_days(kind text, before date) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
    partition text;
    dropped integer := 0;
BEGIN
    IF kind NOT IN ('position', 'observation', 'receipt') THEN
        RAISE EXCEPTION 'twin.% has no days', kind;
    END IF;
    PERFORM pg_advisory_xact_lock(440108);
    FOR partition IN
        SELECT c.relname FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
        WHERE i.inhparent = format('twin.%I', kind)::regclass AND c.relname ~ ('^' || kind || '_[0-9]{8}$')
            AND to_date(right(c.relname, 8), 'YYYYMMDD') < before
        ORDER BY c.relname
    LOOP
        BEGIN
            EXECUTE format('DROP TABLE twin.%I', partition);
            dropped := dropped + 1;
        EXCEPTION WHEN lock_not_available THEN NULL;
        END;
    END LOOP;
    RETURN dropped;
END
$$;
REVOKE EXECUTE ON FUNCTION twin.drop_days FROM public;

GRANT ALL ON ALL TABLES IN SCHEMA twin TO onemap_owner;
GRANT SELECT, INSERT, UPDATE, DELETE ON twin.receipt TO onemap_ingest;
GRANT EXECUTE ON FUNCTION twin.drop_days TO onemap_owner, onemap_ingest;
