-- What feeds have said of a feature, field by field: the newest word of each and its stamp (time, version, source, id).
-- A word older than the feature's last removal is forgotten. So the feature is the same in whatever order they came,
-- and nothing grows with the number of changes.
CREATE TABLE twin.feature_now (
    layer text NOT NULL,
    id text COLLATE "C" NOT NULL,
    made text COLLATE "C" NOT NULL DEFAULT '',      -- stamp of the newest upsert
    gone text COLLATE "C" NOT NULL DEFAULT '',      -- stamp of the newest delete
    said jsonb NOT NULL DEFAULT '{}',               -- field: [stamp, value]
    PRIMARY KEY (layer, id)
) WITH (fillfactor = 70);

GRANT ALL ON twin.feature_now TO onemap_owner;
GRANT SELECT, INSERT, UPDATE, DELETE ON twin.feature_now TO onemap_ingest;
GRANT SELECT ON twin.feature_now TO onemap_read;
