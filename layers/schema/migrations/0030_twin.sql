-- The live twin: what feeds brought, the state that follows from it, and the log of every change, in commit order.
CREATE SCHEMA IF NOT EXISTS twin;
GRANT ALL ON SCHEMA twin TO onemap_owner;
GRANT USAGE ON SCHEMA twin TO onemap_ingest, onemap_read;

-- Which messages have been taken: (source, id, version) as a digest. Sent twice, a message counts once.
CREATE TABLE twin.receipt (
    digest uuid PRIMARY KEY,
    received_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX receipt_age ON twin.receipt USING brin (received_at);

-- The change log. A row is a frame: the changes of one transaction, encoded once, numbered without a gap.
-- Frames are written under one lock that is held to the commit, so their order is the order of commits and a reader
-- that has seen number N has seen everything before N.
CREATE TABLE twin.change (
    last_seq bigint PRIMARY KEY,
    first_seq bigint NOT NULL,
    committed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    changes bytea NOT NULL                          -- a JSON array, one object a change
);
CREATE INDEX change_age ON twin.change USING brin (committed_at);

-- Where moving things are now. Only the key is indexed and pages are half empty, so an update stays on its page (HOT).
CREATE TABLE twin.position_now (
    layer text NOT NULL,
    id text COLLATE "C" NOT NULL,
    lon double precision NOT NULL,
    lat double precision NOT NULL,
    phenomenon_time timestamptz NOT NULL,
    speed_kmh real,
    heading_deg real,
    grid_code text,
    area_code text,
    ingested_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (layer, id)
) WITH (fillfactor = 50);

-- What devices and stations last measured.
CREATE TABLE twin.observation_now (
    id text COLLATE "C" NOT NULL,
    property text NOT NULL,
    value double precision,
    value_text text,
    unit text,
    quality_flag text,
    phenomenon_time timestamptz NOT NULL,
    ingested_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (id, property)
) WITH (fillfactor = 50);

-- History, in partitions of a day by the time of the phenomenon; what is older or newer than any goes to `_rest`.
CREATE TABLE twin.position (
    layer text NOT NULL,
    id text COLLATE "C" NOT NULL,
    phenomenon_time timestamptz NOT NULL,
    lon double precision NOT NULL,
    lat double precision NOT NULL,
    speed_kmh real,
    heading_deg real,
    grid_code text,
    area_code text,
    ingested_at timestamptz NOT NULL DEFAULT now()
) PARTITION BY RANGE (phenomenon_time);
CREATE TABLE twin.position_rest PARTITION OF twin.position DEFAULT;
CREATE INDEX position_track ON twin.position (layer, id, phenomenon_time);

CREATE TABLE twin.observation (
    id text COLLATE "C" NOT NULL,
    property text NOT NULL,
    phenomenon_time timestamptz NOT NULL,
    value double precision,
    value_text text,
    unit text,
    quality_flag text,
    grid_code text,
    ingested_at timestamptz NOT NULL DEFAULT now()
) PARTITION BY RANGE (phenomenon_time);
CREATE TABLE twin.observation_rest PARTITION OF twin.observation DEFAULT;
CREATE INDEX observation_series ON twin.observation (id, property, phenomenon_time);

-- Every version of every event as it arrived; the collection `events` holds the version that counts now.
CREATE TABLE twin.event_version (
    event_id text COLLATE "C" NOT NULL,
    phenomenon_time timestamptz NOT NULL,
    source_version bigint NOT NULL,
    stage text,
    record jsonb NOT NULL,
    ingested_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (event_id, source_version)
);
CREATE INDEX event_version_time ON twin.event_version (phenomenon_time);

-- What a feed sent and was refused, whole, so that it can be looked at and taken again.
CREATE TABLE twin.refused (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    feed text NOT NULL,
    reason text NOT NULL,
    detail text NOT NULL,
    message bytea NOT NULL,
    refused_at timestamptz NOT NULL DEFAULT now(),
    replayed_at timestamptz
);
CREATE INDEX refused_open ON twin.refused (feed, id) WHERE replayed_at IS NULL;

-- Nonces of signed requests, for as long as their time stamp would be accepted: nobody's request counts twice.
CREATE TABLE twin.nonce (
    feed text NOT NULL,
    nonce text NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (feed, nonce)
);

-- How every feed does. Counters only grow; `last_…` are of the newest message.
CREATE TABLE twin.feed (
    name text PRIMARY KEY,
    received bigint NOT NULL DEFAULT 0,
    accepted bigint NOT NULL DEFAULT 0,
    duplicate bigint NOT NULL DEFAULT 0,
    late bigint NOT NULL DEFAULT 0,
    rejected bigint NOT NULL DEFAULT 0,
    last_received_at timestamptz,
    last_phenomenon_time timestamptz,
    lag_s double precision
) WITH (fillfactor = 50);

-- Make the partitions of a day, if they are not there. Called ahead of time by whoever ingests.
CREATE FUNCTION twin.make_day(day date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, pg_temp AS $$
DECLARE
    kind text;
    first timestamptz := make_day.day::timestamp AT TIME ZONE 'UTC';
    next timestamptz := (make_day.day + 1)::timestamp AT TIME ZONE 'UTC';
BEGIN
    PERFORM pg_advisory_xact_lock(440108); -- every worker makes the same days when it starts
    FOREACH kind IN ARRAY ARRAY['position', 'observation'] LOOP
        CONTINUE WHEN to_regclass(format('twin.%I', kind || '_' || to_char(day, 'YYYYMMDD'))) IS NOT NULL;
        BEGIN
            EXECUTE format('CREATE TABLE IF NOT EXISTS twin.%I PARTITION OF twin.%I FOR VALUES FROM (%L) TO (%L)',
                kind || '_' || to_char(day, 'YYYYMMDD'), kind, first, next);
        EXCEPTION WHEN check_violation THEN NULL; -- rows of that day lie in the rest already, and stay there
        END;
    END LOOP;
END
$$;

-- Move the version of a layer whose live state changed beside its table.
CREATE FUNCTION onemap.touch(layer_id text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = onemap, pg_temp AS $$
DECLARE
    now_is record;
BEGIN
    UPDATE onemap.layer SET version = nextval('onemap.layer_version'), changed_at = clock_timestamp()
    WHERE id = layer_id RETURNING version, extract(epoch FROM changed_at) AS epoch_s INTO now_is;
    IF FOUND THEN
        PERFORM pg_notify('onemap_layer', format('%s:%s:%s', layer_id, now_is.version, now_is.epoch_s));
    END IF;
END
$$;
REVOKE EXECUTE ON FUNCTION onemap.touch FROM public;
GRANT EXECUTE ON FUNCTION onemap.touch TO onemap_owner, onemap_ingest;

GRANT ALL ON ALL TABLES IN SCHEMA twin TO onemap_owner;
GRANT ALL ON ALL SEQUENCES IN SCHEMA twin TO onemap_owner;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA twin TO onemap_ingest;
GRANT SELECT ON twin.change, twin.position_now, twin.observation_now, twin.position, twin.observation,
twin.event_version, twin.feed TO onemap_read;
ALTER DEFAULT PRIVILEGES IN SCHEMA twin GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO onemap_ingest;
ALTER DEFAULT PRIVILEGES IN SCHEMA twin GRANT SELECT ON TABLES TO onemap_read;
