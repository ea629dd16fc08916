-- Notes of leaders (批示) on events and areas: kept, never changed.
CREATE TABLE twin.note (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    layer text NOT NULL,
    feature_id text COLLATE "C" NOT NULL,
    words text NOT NULL CHECK (length(btrim(words)) BETWEEN 1 AND 1000),
    author_id text NOT NULL,
    author text NOT NULL,                               -- the name, as it was
    author_roles text[] NOT NULL,
    noted_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX note_of_feature ON twin.note (layer, feature_id, id);

GRANT ALL ON twin.note TO onemap_owner;
GRANT ALL ON ALL SEQUENCES IN SCHEMA twin TO onemap_owner;
REVOKE UPDATE, DELETE ON twin.note FROM onemap_ingest;
GRANT SELECT ON twin.note TO onemap_read;
