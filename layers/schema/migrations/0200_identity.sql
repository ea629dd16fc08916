-- Identity: local accounts, access tokens, sessions, and attempts to log in.
--
-- Web workers act as `onemap_identity`, which may read and write nothing here but by the functions of
-- layers/schema/sql/100_identity.sql: it cannot list password hashes, and it cannot write roles.
DO $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'onemap_identity') THEN
        BEGIN
            CREATE ROLE onemap_identity NOLOGIN;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
        END;
    END IF;
    IF NOT pg_has_role(current_user, 'onemap_identity', 'MEMBER') THEN
        EXECUTE format('GRANT onemap_identity TO %I', current_user);
    END IF;
    IF EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'onemap_web')
        AND NOT pg_has_role('onemap_web', 'onemap_identity', 'MEMBER')
    THEN
        GRANT onemap_identity TO onemap_web;
    END IF;
END
$$;

CREATE SCHEMA identity;
REVOKE ALL ON SCHEMA identity FROM public;
GRANT USAGE ON SCHEMA identity TO onemap_identity, onemap_owner;

CREATE TABLE identity.account (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE CHECK (name ~ '^[a-z0-9][a-z0-9._-]{0,62}$'),
    title text NOT NULL DEFAULT '',
    password_hash text,                             -- argon2id; NULL: nobody can log in yet
    totp_secret text,
    totp_step bigint NOT NULL DEFAULT 0,            -- the step of the last code that was used: a code counts once
    roles text[] NOT NULL DEFAULT '{}',
    areas text[] NOT NULL DEFAULT '{}',
    departments text[] NOT NULL DEFAULT '{}',
    clearance smallint NOT NULL DEFAULT 1 CHECK (clearance BETWEEN 1 AND 4),
    attributes jsonb NOT NULL DEFAULT '{}',
    disabled boolean NOT NULL DEFAULT FALSE,
    must_change boolean NOT NULL DEFAULT FALSE,
    may_elevate boolean NOT NULL DEFAULT FALSE,     -- break-glass
    demo boolean NOT NULL DEFAULT FALSE,
    created_at timestamptz NOT NULL DEFAULT now(),
    -- Separation of powers: nobody holds two of the roles of the system, of security and of the audit.
    CONSTRAINT account_separate_powers CHECK (
        ('sysadmin' = any(roles) OR 'operator' = any(roles))::int
        + ('security_admin' = any(roles))::int + ('auditor' = any(roles))::int <= 1
    )
);

CREATE TABLE identity.access_token (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL CHECK (name ~ '^[a-z0-9][a-z0-9._-]{0,62}$'),
    digest bytea NOT NULL UNIQUE CHECK (octet_length(digest) = 32), -- SHA-256 of a random token of 256 bits
    roles text[] NOT NULL,
    areas text[] NOT NULL DEFAULT '{}',
    departments text[] NOT NULL DEFAULT '{}',
    clearance smallint NOT NULL CHECK (clearance BETWEEN 1 AND 4),
    attributes jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz,
    last_used_at timestamptz
);
CREATE UNIQUE INDEX access_token_name ON identity.access_token (name) WHERE revoked_at IS NULL;

-- A session of an account takes its labels from the account; one of another provider keeps them itself.
CREATE TABLE identity.session (
    id text PRIMARY KEY,
    digest bytea NOT NULL UNIQUE CHECK (octet_length(digest) = 32), -- SHA-256 of the value of the cookie
    account_id bigint REFERENCES identity.account (id) ON DELETE CASCADE,
    subject jsonb,
    method text NOT NULL,
    purpose text,
    address text NOT NULL,
    agent text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    last_seen timestamptz NOT NULL DEFAULT now(),
    idle_s integer NOT NULL CHECK (idle_s > 0),
    expires_at timestamptz NOT NULL,
    ended_at timestamptz,
    CHECK ((account_id IS NULL) <> (subject IS NULL))
);
CREATE INDEX session_of_account ON identity.session (account_id, address);
CREATE INDEX session_by_end ON identity.session (expires_at);

-- Attempts to log in that failed or are not over, by the name that was typed: whether there is such an account makes no
-- difference.
CREATE TABLE identity.attempt (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account text NOT NULL,
    address text NOT NULL,
    at timestamptz NOT NULL
);
CREATE INDEX attempt_of_account ON identity.attempt (account, at);
CREATE INDEX attempt_of_address ON identity.attempt (address, at);
CREATE INDEX attempt_by_time ON identity.attempt (at);

-- Break-glass: higher rights for some hours, with a reason, seen by a second person.
CREATE TABLE identity.elevation (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id bigint NOT NULL REFERENCES identity.account (id) ON DELETE CASCADE,
    role text NOT NULL,
    clearance smallint NOT NULL CHECK (clearance BETWEEN 1 AND 4),
    reason text NOT NULL CHECK (length(btrim(reason)) BETWEEN 10 AND 2000),
    begins_at timestamptz NOT NULL DEFAULT now(),
    ends_at timestamptz NOT NULL,
    ended_at timestamptz,
    acknowledged_by text,
    acknowledged_at timestamptz,
    CHECK (ends_at <= begins_at + interval '4 hours')
);
CREATE INDEX elevation_of_account ON identity.elevation (account_id, ends_at);

GRANT ALL ON ALL TABLES IN SCHEMA identity TO onemap_owner;
GRANT ALL ON ALL SEQUENCES IN SCHEMA identity TO onemap_owner;
