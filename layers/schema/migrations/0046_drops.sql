-- What the connectors for folders know: files they have taken, and what the last whole file of a feed held.

-- A file is known by its content: dropped again after it was taken without a refused row, it is only put away.
CREATE TABLE twin.dropped_file (
    feed text NOT NULL,
    digest bytea NOT NULL,                          -- SHA-256 of its bytes
    name text NOT NULL,
    received bigint NOT NULL,
    accepted bigint NOT NULL,
    duplicate bigint NOT NULL,
    late bigint NOT NULL,
    rejected bigint NOT NULL,
    gone bigint NOT NULL,                           -- features a whole file no longer held
    taken_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (feed, digest)
);
CREATE INDEX dropped_file_latest ON twin.dropped_file (feed, taken_at DESC);

-- Features of the last whole file of a feed: what the next one does not hold is gone.
CREATE TABLE twin.dropped_feature (
    feed text NOT NULL,
    feature_id text COLLATE "C" NOT NULL,
    PRIMARY KEY (feed, feature_id)
);

GRANT ALL ON twin.dropped_file, twin.dropped_feature TO onemap_owner;
GRANT SELECT, INSERT, UPDATE, DELETE ON twin.dropped_file, twin.dropped_feature TO onemap_ingest;
GRANT SELECT ON twin.dropped_file TO onemap_read;
