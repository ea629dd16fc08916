-- What administrators do with accounts, sessions and tokens: the commands as the owner, web workers for who has the
-- duty. No function tells a hash, a digest or a secret.

-- Every account with its failures within a window and its sessions that are alive, by name.
CREATE OR REPLACE FUNCTION identity.accounts(window_s integer)
RETURNS TABLE (
    name text, title text, roles text[], areas text[], departments text[], clearance smallint, attributes jsonb,
    disabled boolean, must_change boolean, may_elevate boolean, demo boolean, has_totp boolean, has_password boolean,
    last_login timestamptz, failures bigint, sessions bigint
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
SELECT a.name, a.title, a.roles, a.areas, a.departments, a.clearance, a.attributes, a.disabled, a.must_change,
    a.may_elevate, a.demo, a.totp_secret IS NOT NULL, a.password_hash IS NOT NULL,
    (SELECT max(s.created_at) FROM identity.session AS s WHERE s.account_id = a.id),
    (
        SELECT count(*) FROM identity.attempt AS f
        WHERE f.account = a.name AND f.at > now() - make_interval(secs => window_s)
    ),
    (
        SELECT count(*) FROM identity.session AS s
        WHERE s.account_id = a.id AND s.ended_at IS NULL AND s.expires_at > now()
            AND s.last_seen + make_interval(secs => s.idle_s) > now()
    )
FROM identity.account AS a ORDER BY a.name
$$;

-- A new account; one of the name that is there already is a unique violation.
CREATE OR REPLACE FUNCTION identity.add_account(
    new_name text, new_title text, new_roles text[], new_areas text[], new_departments text[], new_clearance smallint,
    new_attributes jsonb, hash text, changes_it boolean, elevates boolean, is_demo boolean
) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
INSERT INTO identity.account
    (name, title, roles, areas, departments, clearance, attributes, password_hash, must_change, may_elevate, demo)
VALUES (new_name, new_title, new_roles, new_areas, new_departments, new_clearance, new_attributes, hash, changes_it,
    elevates, is_demo)
$$;

-- Disable an account and end its sessions, or enable it; false when there is none of the name.
CREATE OR REPLACE FUNCTION identity.set_disabled(wanted text, off boolean) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE identity.account AS a SET disabled = off WHERE a.name = wanted;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    IF off THEN
        UPDATE identity.session AS s SET ended_at = now()
        FROM identity.account AS a WHERE a.id = s.account_id AND a.name = wanted AND s.ended_at IS NULL;
    END IF;
    RETURN true;
END
$$;

-- The sessions that are alive: of one account or, without one, all; the last used first.
CREATE OR REPLACE FUNCTION identity.sessions_alive(of_account text)
RETURNS TABLE (
    id text, name text, method text, address text, agent text, created_at timestamptz, last_seen timestamptz,
    expires_at timestamptz
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
SELECT s.id, coalesce(a.name, s.subject ->> 'name'), s.method, s.address, s.agent, s.created_at, s.last_seen,
    s.expires_at
FROM identity.session AS s LEFT JOIN identity.account AS a ON a.id = s.account_id
WHERE s.ended_at IS NULL AND s.expires_at > now() AND s.last_seen + make_interval(secs => s.idle_s) > now()
    AND (of_account IS NULL OR a.name = of_account)
ORDER BY s.last_seen DESC
$$;

-- End the session of an id, or all of an account; how many.
CREATE OR REPLACE FUNCTION identity.revoke_sessions(which text) RETURNS bigint
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
WITH ended AS (
    UPDATE identity.session AS s SET ended_at = now()
    WHERE s.ended_at IS NULL AND (
        s.id = which OR s.account_id = (SELECT a.id FROM identity.account AS a WHERE a.name = which)
    )
    RETURNING 1
)
SELECT count(*) FROM ended
$$;

-- Every access token, those in force first.
CREATE OR REPLACE FUNCTION identity.tokens()
RETURNS TABLE (
    name text, roles text[], areas text[], departments text[], clearance smallint, attributes jsonb,
    created_at timestamptz, expires_at timestamptz, revoked_at timestamptz, last_used_at timestamptz
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
SELECT t.name, t.roles, t.areas, t.departments, t.clearance, t.attributes, t.created_at, t.expires_at, t.revoked_at,
    t.last_used_at
FROM identity.access_token AS t ORDER BY t.revoked_at IS NOT NULL, t.name, t.id
$$;

-- Revoke the token of a name; false when none of it is in force.
CREATE OR REPLACE FUNCTION identity.revoke_token(wanted text) RETURNS boolean
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
WITH revoked AS (
    UPDATE identity.access_token AS t SET revoked_at = now() WHERE t.name = wanted AND t.revoked_at IS NULL RETURNING 1
)
SELECT EXISTS (SELECT FROM revoked)
$$;

-- Set the sealed secret of an account's one-time codes; false when there is no account of the name.
CREATE OR REPLACE FUNCTION identity.set_totp(wanted text, sealed text) RETURNS boolean
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
WITH changed AS (
    UPDATE identity.account AS a SET totp_secret = sealed, totp_step = 0 WHERE a.name = wanted RETURNING 1
)
SELECT EXISTS (SELECT FROM changed)
$$;

-- A new access token by its digest; one of a name that is in force already is a unique violation.
CREATE OR REPLACE FUNCTION identity.add_token(
    new_name text, new_digest bytea, new_roles text[], new_areas text[], new_departments text[],
    new_clearance smallint, new_attributes jsonb, lifetime interval
) RETURNS timestamptz
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
INSERT INTO identity.access_token (name, digest, roles, areas, departments, clearance, attributes, expires_at)
VALUES (new_name, new_digest, new_roles, new_areas, new_departments, new_clearance, new_attributes, now() + lifetime)
RETURNING expires_at
$$;
