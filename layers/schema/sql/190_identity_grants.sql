-- The functions of the schema identity are for web workers and the owner alone: last, so that none is left out.
DO $$
DECLARE
    one regprocedure;
BEGIN
    FOR one IN SELECT p.oid::regprocedure FROM pg_proc AS p WHERE p.pronamespace = 'identity'::regnamespace LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM public', one);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO onemap_identity, onemap_owner', one);
    END LOOP;
END
$$;
