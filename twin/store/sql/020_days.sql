-- Partitions by day (UTC) of positions, observations and receipts.

-- The smallest receipt of a moment. A receipt begins with the second of its message's time, so that new ones are
-- neighbours in the index.
CREATE OR REPLACE FUNCTION twin.receipt_from(moment timestamptz) RETURNS uuid
LANGUAGE sql IMMUTABLE AS $$
SELECT (lpad(to_hex(extract(epoch FROM moment)::bigint), 8, '0') || repeat('0', 24))::uuid
$$;

-- Make the partitions of a day, where they are missing. The ingest process calls it ahead of time.
CREATE OR REPLACE FUNCTION twin.make_day(day date) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = twin, pg_temp AS $$
DECLARE
    kind text;
    first timestamptz := make_day.day::timestamp AT TIME ZONE 'UTC';
    next timestamptz := (make_day.day + 1)::timestamp AT TIME ZONE 'UTC';
BEGIN
    PERFORM pg_advisory_xact_lock(440108); -- AdvisoryLock.DAYS: every worker makes the same days at its start
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
        EXCEPTION WHEN check_violation THEN NULL; -- rows of that day are in the rest already, and stay there
        END;
    END LOOP;
END
$$;
REVOKE EXECUTE ON FUNCTION twin.make_day FROM public;
GRANT EXECUTE ON FUNCTION twin.make_day TO onemap_ingest, onemap_owner;

-- Drop the partitions of a table's days before one, and return how many. It waits 2 s for a lock at most: a day that
-- is still being read is kept until the next call.
CREATE OR REPLACE FUNCTION twin.drop_days(kind text, before date) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = twin, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
    partition text;
    dropped integer := 0;
BEGIN
    IF kind NOT IN ('position', 'observation', 'receipt') THEN
        RAISE EXCEPTION 'twin.% has no days', kind;
    END IF;
    PERFORM pg_advisory_xact_lock(440108); -- AdvisoryLock.DAYS
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
GRANT EXECUTE ON FUNCTION twin.drop_days TO onemap_owner, onemap_ingest;
