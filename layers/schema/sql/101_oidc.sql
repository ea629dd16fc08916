-- What web workers may do about logins at OpenID providers, each as a function; they have no rights on the tables.

-- The key that seals logins in progress.
CREATE OR REPLACE FUNCTION identity.login_key() RETURNS bytea
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
SELECT k.key FROM identity.login_key AS k
$$;

-- Note that the answer to a login has counted; false when it had before. A login takes ten minutes at most.
CREATE OR REPLACE FUNCTION identity.mark_login(digest bytea) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    DELETE FROM identity.login_used AS u WHERE u.used_at < now() - interval '1 hour';
    INSERT INTO identity.login_used (state_digest) VALUES (digest) ON CONFLICT DO NOTHING;
    RETURN FOUND;
END
$$;

-- Keep what a provider granted to a new session, to be renewed after some seconds.
CREATE OR REPLACE FUNCTION identity.keep_grant(
    of_session text, of_provider text, of_subject text, sealed_tokens text, life_s double precision
) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
INSERT INTO identity.session_grant (session_id, provider, subject, sealed, renew_at)
VALUES (of_session, of_provider, of_subject, sealed_tokens, now() + make_interval(secs => life_s))
$$;

-- Seconds until a grant is to be renewed, negative when it is due; null without a grant.
CREATE OR REPLACE FUNCTION identity.seconds_until_renewal(of_session text) RETURNS double precision
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
SELECT extract(EPOCH FROM g.renew_at - now())::double precision
FROM identity.session_grant AS g WHERE g.session_id = of_session
$$;

-- The grant of a session that is alive, if it is due; for some seconds no other worker takes it.
CREATE OR REPLACE FUNCTION identity.take_due_grant(of_session text, lease_s double precision)
RETURNS TABLE (session_id text, provider text, subject text, sealed text)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
UPDATE identity.session_grant AS g SET renew_at = now() + make_interval(secs => lease_s)
FROM identity.session AS s
WHERE g.session_id = of_session AND g.renew_at <= now() AND s.id = g.session_id AND s.ended_at IS NULL
RETURNING g.session_id, g.provider, g.subject, g.sealed
$$;

-- Keep the tokens that came in exchange for the old ones, and what the provider says of the person now, if it does.
CREATE OR REPLACE FUNCTION identity.renew_grant(
    of_session text, sealed_tokens text, life_s double precision, of_subject jsonb
) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE identity.session_grant AS g SET sealed = sealed_tokens, renew_at = now() + make_interval(secs => life_s)
    WHERE g.session_id = of_session;
    UPDATE identity.session AS s SET subject = of_subject
    WHERE s.id = of_session AND s.account_id IS NULL AND of_subject IS NOT NULL
        AND s.subject IS DISTINCT FROM of_subject;
END
$$;

-- Remove the grant of a session that ends, and return it.
CREATE OR REPLACE FUNCTION identity.take_grant(of_session text)
RETURNS TABLE (session_id text, provider text, subject text, sealed text)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DELETE FROM identity.session_grant AS g WHERE g.session_id = of_session
RETURNING g.session_id, g.provider, g.subject, g.sealed
$$;
