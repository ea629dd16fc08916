-- The login of the web workers: it may act as reader and as writer of what feeds bring, and as nobody else. Without a
-- password nobody logs in with it but on the socket of a private database, where ./onemap up lets it
-- (layers/cluster/login.py).
DO $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'onemap_web') THEN
        BEGIN
            CREATE ROLE onemap_web NOLOGIN NOINHERIT;
        EXCEPTION
            WHEN duplicate_object OR unique_violation THEN NULL;
            WHEN insufficient_privilege THEN RAISE NOTICE 'may not create role onemap_web; see docs/operations';
        END;
    END IF;
    IF EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'onemap_web')
        AND NOT (pg_has_role('onemap_web', 'onemap_read', 'MEMBER') AND pg_has_role('onemap_web', 'onemap_ingest', 'MEMBER'))
    THEN
        BEGIN
            GRANT onemap_read, onemap_ingest TO onemap_web;
        EXCEPTION
            WHEN insufficient_privilege THEN RAISE NOTICE 'may not grant roles to onemap_web; see docs/operations';
        END;
    END IF;
END
$$;
