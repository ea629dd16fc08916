-- Logins at OpenID providers: the key that seals logins in progress, logins that were used, and what a provider granted
-- to a session. Web workers reach them by the functions of layers/schema/sql/101_oidc.sql alone.

-- One row: 32 random bytes that all web workers share. A login in progress is a cookie sealed with it; nothing else is.
CREATE TABLE identity.login_key (
    only_one boolean PRIMARY KEY DEFAULT TRUE CHECK (only_one),
    key bytea NOT NULL CHECK (octet_length(key) = 32)
);
INSERT INTO identity.login_key (key) VALUES (
    sha256(convert_to(gen_random_uuid()::text || gen_random_uuid()::text || gen_random_uuid()::text, 'UTF8'))
);

-- Logins whose answer has counted, by the SHA-256 of their state: an answer counts once.
CREATE TABLE identity.login_used (
    state_digest bytea PRIMARY KEY CHECK (octet_length(state_digest) = 32),
    used_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX login_used_by_time ON identity.login_used (used_at);

-- Refresh token and ID token are encrypted under the client secret, which is not in the database.
CREATE TABLE identity.session_grant (
    session_id text PRIMARY KEY REFERENCES identity.session (id) ON DELETE CASCADE,
    provider text NOT NULL,
    subject text NOT NULL,
    sealed text CHECK (length(sealed) <= 65536),
    renew_at timestamptz NOT NULL
);

GRANT ALL ON identity.login_key, identity.login_used, identity.session_grant TO onemap_owner;
