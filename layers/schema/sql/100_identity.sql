-- What web workers may do about identities, each as a function; they have no rights on the tables (layers/identity).

-- Wake the workers that keep what changed: by the digest of a token or session, or by the id of an account.
CREATE OR REPLACE FUNCTION identity.announce_digest() RETURNS trigger
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pg_notify(onemap.channel('identity'), 'digest:' || encode(old.digest, 'hex'));
    RETURN NULL;
END
$$;
CREATE OR REPLACE TRIGGER announce AFTER DELETE OR UPDATE OF revoked_at, expires_at, roles, areas, departments,
clearance, attributes ON identity.access_token FOR EACH ROW EXECUTE FUNCTION identity.announce_digest();
CREATE OR REPLACE TRIGGER announce AFTER DELETE OR UPDATE OF ended_at, expires_at, subject, purpose
ON identity.session FOR EACH ROW EXECUTE FUNCTION identity.announce_digest();

-- Wake the workers that keep what an account may see, by its id.
CREATE OR REPLACE FUNCTION identity.announce_account() RETURNS trigger
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pg_notify(onemap.channel('identity'), 'account:' || old.id);
    RETURN NULL;
END
$$;
CREATE OR REPLACE TRIGGER announce AFTER DELETE OR UPDATE OF title, roles, areas, departments, clearance, attributes,
disabled ON identity.account FOR EACH ROW EXECUTE FUNCTION identity.announce_account();

-- Wake the workers that keep an account whose break-glass begins or ends.
CREATE OR REPLACE FUNCTION identity.announce_elevation() RETURNS trigger
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pg_notify(onemap.channel('identity'), 'account:' || new.account_id);
    RETURN NULL;
END
$$;
CREATE OR REPLACE TRIGGER announce AFTER INSERT OR UPDATE OF ended_at
ON identity.elevation FOR EACH ROW EXECUTE FUNCTION identity.announce_elevation();

-- Write into the change log that a break-glass began, was acknowledged or was ended by a second person: outlets that
-- ask for it send it (twin/outlets). It is of no layer, so nobody who reads layers is told; its reason is read here
-- alone.
CREATE OR REPLACE FUNCTION identity.tell_elevation() RETURNS trigger
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM twin.append_changes(1, convert_to(jsonb_build_array(jsonb_build_object(
        'kind', 'elevation',
        'layer', 'session/elevations',
        'id', new.id::text,
        'grade', 4,
        'operation', CASE
            WHEN new.ended_at IS NOT NULL THEN 'end'
            WHEN new.acknowledged_by IS NOT NULL THEN 'acknowledge' ELSE 'begin'
        END,
        'account', (SELECT a.name FROM identity.account AS a WHERE a.id = new.account_id),
        'role', new.role,
        'begins_at', new.begins_at,
        'ends_at', coalesce(new.ended_at, new.ends_at),
        'acknowledged_by', new.acknowledged_by
    ))::text, 'UTF8'));
    RETURN NULL;
END
$$;
CREATE OR REPLACE TRIGGER tell AFTER INSERT OR UPDATE OF ended_at, acknowledged_by
ON identity.elevation FOR EACH ROW EXECUTE FUNCTION identity.tell_elevation();

-- The labels of a token that is valid now.
CREATE OR REPLACE FUNCTION identity.find_token(given bytea)
RETURNS TABLE (
    name text, roles text[], areas text[], departments text[], clearance smallint, attributes jsonb,
    expires_at timestamptz
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
SELECT t.name, t.roles, t.areas, t.departments, t.clearance, t.attributes, t.expires_at
FROM identity.access_token AS t
WHERE t.digest = given AND t.revoked_at IS NULL AND t.expires_at > clock_timestamp()
$$;

-- A session that is alive now, with the labels of its account and of its break-glass, if there is one.
CREATE OR REPLACE FUNCTION identity.find_session(given bytea)
RETURNS TABLE (
    id text, account_id bigint, name text, title text, roles text[], areas text[], departments text[],
    clearance smallint, attributes jsonb, subject jsonb, method text, purpose text, last_seen timestamptz,
    idle_s integer, expires_at timestamptz, elevated_until timestamptz
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
SELECT s.id, s.account_id, a.name, a.title, coalesce(a.roles, '{}') || coalesce(e.roles, '{}'), a.areas, a.departments,
    greatest(a.clearance, e.clearance), a.attributes, s.subject, s.method, s.purpose, s.last_seen, s.idle_s,
    s.expires_at, e.ends_at
FROM identity.session AS s LEFT JOIN identity.account AS a ON a.id = s.account_id
LEFT JOIN LATERAL (
    SELECT array_agg(g.role) AS roles, max(g.clearance) AS clearance, min(g.ends_at) AS ends_at
    FROM identity.elevation AS g
    WHERE g.account_id = a.id AND g.ended_at IS NULL AND g.ends_at > clock_timestamp()
) AS e ON true
WHERE s.digest = given AND s.ended_at IS NULL AND s.expires_at > clock_timestamp()
    AND s.last_seen + make_interval(secs => s.idle_s) > clock_timestamp() AND NOT coalesce(a.disabled, false)
$$;

-- A new session, of an account that is not disabled or of another provider; sessions that ended a month ago go.
CREATE OR REPLACE FUNCTION identity.open_session(
    session_id text, session_digest bytea, of_account bigint, of_subject jsonb, proven_by text, stated_purpose text,
    client_address text, client_agent text, idle_seconds integer, seconds_max integer
) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF of_account IS NOT NULL AND NOT EXISTS (
        SELECT FROM identity.account AS a WHERE a.id = of_account AND NOT a.disabled FOR SHARE
    ) THEN
        RAISE EXCEPTION 'no such account, or it is disabled' USING ERRCODE = 'insufficient_privilege';
    END IF;
    INSERT INTO identity.session
        (id, digest, account_id, subject, method, purpose, address, agent, idle_s, expires_at)
    VALUES (session_id, session_digest, of_account, of_subject, proven_by, stated_purpose, client_address, client_agent,
        idle_seconds, now() + make_interval(secs => seconds_max));
    DELETE FROM identity.session AS s WHERE s.expires_at < now() - interval '30 days';
END
$$;

-- End a session, by its public id.
CREATE OR REPLACE FUNCTION identity.end_session(session_id text) RETURNS boolean
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
WITH ended AS (
    UPDATE identity.session AS s SET ended_at = now() WHERE s.id = session_id AND s.ended_at IS NULL RETURNING 1
)
SELECT EXISTS (SELECT FROM ended)
$$;

-- Tokens and sessions were used at these times; a time before a known one changes nothing.
CREATE OR REPLACE FUNCTION identity.note_use(digests bytea[], times timestamptz[]) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
WITH used AS (SELECT u.digest, u.at FROM unnest(digests, times) AS u (digest, at)),
tokens AS (
    UPDATE identity.access_token AS t SET last_used_at = used.at FROM used
    WHERE t.digest = used.digest AND (t.last_used_at IS NULL OR t.last_used_at < used.at)
)
UPDATE identity.session AS s SET last_seen = used.at FROM used
WHERE s.digest = used.digest AND s.last_seen < used.at AND s.ended_at IS NULL
$$;

-- What a login needs of the account of this exact name.
CREATE OR REPLACE FUNCTION identity.find_account(wanted text)
RETURNS TABLE (
    id bigint, name text, title text, password_hash text, totp_secret text, roles text[], disabled boolean,
    must_change boolean, may_elevate boolean, demo boolean
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
SELECT a.id, a.name, a.title, a.password_hash, a.totp_secret, a.roles, a.disabled, a.must_change, a.may_elevate, a.demo
FROM identity.account AS a WHERE a.name = wanted
$$;

-- The accounts of a demo, without their secrets.
CREATE OR REPLACE FUNCTION identity.demo_accounts() RETURNS TABLE (id bigint, name text, title text, role text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
SELECT a.id, a.name, a.title, a.roles[1] FROM identity.account AS a WHERE a.demo AND NOT a.disabled ORDER BY a.id
$$;

-- Use a one-time code: false when it, or a later one, was used before.
CREATE OR REPLACE FUNCTION identity.use_code(of_account bigint, step bigint) RETURNS boolean
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
WITH used AS (
    UPDATE identity.account AS a SET totp_step = step WHERE a.id = of_account AND a.totp_step < step RETURNING 1
)
SELECT EXISTS (SELECT FROM used)
$$;

-- Change a password for whoever knows the hash of the present one, and end the other sessions of the account.
CREATE OR REPLACE FUNCTION identity.change_password(of_account bigint, present text, wanted text) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE identity.account AS a SET password_hash = wanted, must_change = false
    WHERE a.id = of_account AND a.password_hash = present;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    UPDATE identity.session AS s SET ended_at = now() WHERE s.account_id = of_account AND s.ended_at IS NULL;
    RETURN true;
END
$$;

-- Begin an attempt to log in: it counts as failed until it is forgotten, so that many at once cannot all pass. Returns
-- its number, whether the account was used from this address within 30 days, and the attempts that failed before, of
-- this account or from this address, within the window.
CREATE OR REPLACE FUNCTION identity.begin_attempt(
    wanted text, client_address text, moment timestamptz, window_s integer,
    OUT attempt bigint, OUT known_address boolean, OUT accounts text[], OUT addresses text[], OUT times timestamptz[]
)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(440113, hashtext(key))    -- AdvisoryLock.LOGIN
    FROM (SELECT unnest(ARRAY['account:' || wanted, 'address:' || client_address]) AS key ORDER BY 1) AS keys;
    SELECT coalesce(array_agg(a.account ORDER BY a.at, a.id), '{}'),
        coalesce(array_agg(a.address ORDER BY a.at, a.id), '{}'),
        coalesce(array_agg(a.at ORDER BY a.at, a.id), '{}')
    INTO accounts, addresses, times
    FROM (
        SELECT f.id, f.account, f.address, f.at FROM identity.attempt AS f
        WHERE (f.account = wanted OR f.address = client_address)
            AND f.at > moment - make_interval(secs => window_s)
        ORDER BY f.at DESC LIMIT 1000
    ) AS a;
    SELECT EXISTS (
        SELECT FROM identity.session AS s INNER JOIN identity.account AS o ON o.id = s.account_id
        WHERE o.name = wanted AND s.address = client_address AND s.created_at > moment - interval '30 days'
    ) INTO known_address;
    INSERT INTO identity.attempt (account, address, at) VALUES (wanted, client_address, moment) RETURNING id INTO attempt;
    DELETE FROM identity.attempt AS f WHERE f.at < moment - interval '1 day';
END
$$;

-- An attempt that passed, or was refused without a look at the password.
CREATE OR REPLACE FUNCTION identity.forget_attempt(attempt bigint) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DELETE FROM identity.attempt AS f WHERE f.id = attempt
$$;

-- Begin break-glass of an account that may; see identity.elevation.
CREATE OR REPLACE FUNCTION identity.elevate(
    of_account bigint, to_role text, to_clearance smallint, why text, hours integer
) RETURNS bigint
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
INSERT INTO identity.elevation (account_id, role, clearance, reason, ends_at)
SELECT a.id, to_role, to_clearance, why, now() + make_interval(hours => hours)
FROM identity.account AS a WHERE a.id = of_account AND a.may_elevate AND NOT a.disabled
RETURNING id
$$;

-- Every break-glass with its account, the newest first.
CREATE OR REPLACE FUNCTION identity.elevations()
RETURNS TABLE (
    id bigint, account text, role text, clearance smallint, reason text, begins_at timestamptz, ends_at timestamptz,
    ended_at timestamptz, acknowledged_by text, acknowledged_at timestamptz
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
SELECT e.id, a.name, e.role, e.clearance, e.reason, e.begins_at, e.ends_at, e.ended_at, e.acknowledged_by,
    e.acknowledged_at
FROM identity.elevation AS e INNER JOIN identity.account AS a ON a.id = e.account_id
ORDER BY e.id DESC LIMIT 200
$$;

-- The second person has seen it; whoever elevated himself cannot be that person.
CREATE OR REPLACE FUNCTION identity.acknowledge(elevation bigint, by_account text, ends boolean) RETURNS boolean
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
WITH seen AS (
    UPDATE identity.elevation AS e SET acknowledged_by = coalesce(e.acknowledged_by, by_account),
        acknowledged_at = coalesce(e.acknowledged_at, now()), ended_at = CASE WHEN ends THEN now() ELSE e.ended_at END
    FROM identity.account AS a
    WHERE e.id = elevation AND a.id = e.account_id AND a.name <> by_account RETURNING 1
)
SELECT EXISTS (SELECT FROM seen)
$$;
