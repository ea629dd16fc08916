-- People who read in SQL: each is a role of PostgreSQL with a schema of views, made of these labels and the policy.
CREATE TABLE identity.sql_reader (
    name text PRIMARY KEY CHECK (name ~ '^[a-z][a-z0-9_]{0,40}$'),
    roles text[] NOT NULL,
    areas text[] NOT NULL DEFAULT '{}',
    departments text[] NOT NULL DEFAULT '{}',
    clearance smallint NOT NULL CHECK (clearance BETWEEN 1 AND 2), -- above that every read leaves a record
    attributes jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    shape text NOT NULL DEFAULT ''                  -- of the views that stand: of which rights and layers they are
);
GRANT SELECT, INSERT, UPDATE, DELETE ON identity.sql_reader TO onemap_owner;
