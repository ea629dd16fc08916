-- What the ingest process remembers between two lives: how far each job has read the log, and how each connector does.

-- A job's place in the log, and whatever else it goes on from; written in the transaction of the job's own effects.
-- The row `ingest` is the heartbeat of the process that works.
CREATE TABLE twin.cursor (
    name text PRIMARY KEY,
    seq bigint NOT NULL DEFAULT 0,
    state jsonb NOT NULL DEFAULT '{}',
    moved_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50);

-- Connectors that go and get messages: what they do now, and what last went wrong.
CREATE TABLE twin.connector (
    feed text PRIMARY KEY,
    state text NOT NULL,                            -- starting, working, waiting (to try again), stopped
    detail text NOT NULL DEFAULT '',
    since timestamptz NOT NULL DEFAULT now(),
    fault text,
    faulted_at timestamptz
) WITH (fillfactor = 50);

GRANT ALL ON twin.cursor, twin.connector TO onemap_owner;
GRANT SELECT, INSERT, UPDATE, DELETE ON twin.cursor, twin.connector TO onemap_ingest;
GRANT SELECT ON twin.cursor, twin.connector TO onemap_read;
