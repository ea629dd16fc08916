-- Jobs of OGC API Processes: kept until their results expire, whichever worker runs them and whichever is asked.
CREATE TABLE onemap.process_job (
    id uuid PRIMARY KEY,
    owner text NOT NULL,                                            -- id of the subject; only it sees the job
    audience text NOT NULL,                                         -- what the owner might read when it asked
    process text NOT NULL,
    response text NOT NULL CHECK (response IN ('raw', 'document')),
    status text NOT NULL CHECK (status IN ('accepted', 'running', 'successful', 'failed', 'dismissed')),
    message text,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    started_at timestamptz,
    finished_at timestamptz,
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at timestamptz,                                         -- of a job that has ended
    runner uuid NOT NULL,                                           -- the worker that runs it
    beat_at timestamptz NOT NULL DEFAULT clock_timestamp(),         -- its last sign of life
    fault_status smallint,                                          -- of a failed job
    media_type text,                                                -- of a successful one
    result bytea,
    taken jsonb                                                     -- layers and numbers of features in the result
);
CREATE INDEX process_job_open ON onemap.process_job (runner) WHERE status IN ('accepted', 'running');
CREATE INDEX process_job_by_owner ON onemap.process_job (owner, created_at);
CREATE INDEX process_job_by_end ON onemap.process_job (expires_at) WHERE expires_at IS NOT NULL;
GRANT SELECT, INSERT, UPDATE, DELETE ON onemap.process_job TO onemap_ingest;
