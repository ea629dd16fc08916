-- Approvals of exports: who may take more than the allowance, of which layers, for what, until
-- when, and who allowed it.
-- Web workers reach them by the functions of layers/schema/sql/102_approvals.sql alone.
CREATE TABLE identity.approval (
    number text PRIMARY KEY CHECK (number ~ '^[0-9]{4}-[0-9]{4,6}$'),   -- the year and a number in it
    subject text NOT NULL,                                              -- who asked, and alone may use it
    approved_by text NOT NULL,
    layers text[] NOT NULL CHECK (cardinality(layers) BETWEEN 1 AND 100),
    max_grade smallint NOT NULL CHECK (max_grade BETWEEN 2 AND 4),
    purpose text NOT NULL CHECK (length(btrim(purpose)) BETWEEN 4 AND 2000),
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL CHECK (expires_at > created_at AND expires_at <= created_at + interval '366 days'),
    revoked_at timestamptz,
    CONSTRAINT approval_by_another CHECK (subject <> approved_by)
);
GRANT ALL ON identity.approval TO onemap_owner;
