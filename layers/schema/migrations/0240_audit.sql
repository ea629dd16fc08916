-- The audit: records that are only ever appended, each chained to the one before by its hash.
--
-- Two roles of their own: `onemap_audit` appends (by audit.append alone) and reads nothing, `onemap_auditor` reads. The
-- web workers' login may take both, a session at a time. Nobody is granted UPDATE or DELETE; a trigger is the second
-- lock, which holds for the owner of the tables too (layers/schema/sql/090_audit.sql).
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['onemap_audit', 'onemap_auditor'] LOOP
        IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = name) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', name);
            EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
            END;
        END IF;
        IF NOT pg_has_role(current_user, name, 'MEMBER') THEN
            EXECUTE format('GRANT %I TO %I', name, current_user);
        END IF;
        IF EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'onemap_web') AND NOT pg_has_role('onemap_web', name, 'MEMBER') THEN
            EXECUTE format('GRANT %I TO onemap_web', name);
        END IF;
    END LOOP;
END
$$;

CREATE SCHEMA audit;
REVOKE ALL ON SCHEMA audit FROM public;
GRANT USAGE ON SCHEMA audit TO onemap_audit, onemap_auditor, onemap_owner;

-- `body` is the record as canonical JSON; `hash` covers `prev_hash`, `seq`, `stored_at` and `body` (audit.link).
CREATE TABLE audit.record (
    chain text NOT NULL CHECK (chain IN ('general', 'sensitive')),
    seq bigint NOT NULL CHECK (seq > 0),
    stored_at timestamptz NOT NULL,
    alg text NOT NULL,
    body text NOT NULL CHECK (octet_length(body) <= 32768),
    prev_hash bytea NOT NULL,
    hash bytea NOT NULL,
    PRIMARY KEY (chain, seq)
);
CREATE INDEX record_by_time ON audit.record USING brin (stored_at);

-- The end of each chain; its row is the lock that keeps a chain a line when several processes append.
CREATE TABLE audit.head (
    chain text PRIMARY KEY,
    seq bigint NOT NULL,
    alg text NOT NULL,
    hash bytea NOT NULL
) WITH (fillfactor = 20);
INSERT INTO audit.head (chain, seq, alg, hash) VALUES
('general', 0, 'sha256', decode(repeat('00', 32), 'hex')),
('sensitive', 0, 'sha256', decode(repeat('00', 32), 'hex'));

GRANT SELECT ON audit.record, audit.head TO onemap_auditor;
