-- What feeds bring beside events, observations and positions: changes of features, exercises, chains of warnings.

-- Every change of a feature as it arrived. A feature is what follows from all of them, the later over the earlier.
CREATE TABLE twin.feature_change (
    layer text NOT NULL,
    id text COLLATE "C" NOT NULL,
    phenomenon_time timestamptz NOT NULL,
    rank text COLLATE "C" NOT NULL,                 -- decides between changes of one time: version, source, message
    change text NOT NULL,                           -- upsert, patch, delete
    record jsonb NOT NULL,                          -- what it says of the fields
    geom GEOMETRY (GEOMETRY, 4490),
    feed_source text NOT NULL,
    ingested_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (layer, id, phenomenon_time, rank)
);

-- Layers whose dependents and statistics are still to be computed after a change by a feed.
CREATE TABLE twin.upkeep (
    layer text PRIMARY KEY,
    shapes_changed boolean NOT NULL,
    asked_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Messages of exercises and tests, whole; nothing of them is anywhere else.
CREATE TABLE twin.exercise (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    feed text NOT NULL,
    mode text NOT NULL,                             -- exercise, test
    kind text NOT NULL,
    layer text NOT NULL,
    feature_id text COLLATE "C" NOT NULL,
    chain text COLLATE "C",                         -- of a warning: the identifier of its first message
    phenomenon_time timestamptz NOT NULL,
    message jsonb NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX exercise_feed ON twin.exercise (feed, id);
CREATE INDEX exercise_chain ON twin.exercise (chain) WHERE chain IS NOT NULL;

-- Which warning a message of a warning belongs to. The chain is the identifier of the oldest message known of it.
CREATE TABLE twin.warning_chain (
    scope text NOT NULL,                            -- the source, and the mode: an exercise cancels no real warning
    identifier text COLLATE "C" NOT NULL,
    sent timestamptz NOT NULL,
    chain text COLLATE "C" NOT NULL,
    PRIMARY KEY (scope, identifier)
);
CREATE INDEX warning_chain_members ON twin.warning_chain (scope, chain);

-- Warnings in force that will expire.
CREATE TABLE twin.warning_open (
    event_id text COLLATE "C" PRIMARY KEY,
    expires_at timestamptz NOT NULL
);
CREATE INDEX warning_open_expiry ON twin.warning_open (expires_at);

-- Two messages may speak of one event with one version, or none: both are kept, and the later one counts.
ALTER TABLE twin.event_version ADD COLUMN message text COLLATE "C" NOT NULL DEFAULT '',
DROP CONSTRAINT event_version_pkey,
ADD PRIMARY KEY (event_id, phenomenon_time, source_version, message);

ALTER TABLE twin.refused ADD COLUMN discarded_at timestamptz, ADD COLUMN shortened boolean NOT NULL DEFAULT FALSE;

GRANT ALL ON ALL TABLES IN SCHEMA twin TO onemap_owner;
GRANT ALL ON ALL SEQUENCES IN SCHEMA twin TO onemap_owner;
GRANT SELECT, INSERT, UPDATE, DELETE ON twin.feature_change, twin.upkeep, twin.exercise, twin.warning_chain,
twin.warning_open TO onemap_ingest;
GRANT SELECT ON twin.feature_change, twin.exercise, twin.warning_chain, twin.warning_open,
twin.refused TO onemap_read;
