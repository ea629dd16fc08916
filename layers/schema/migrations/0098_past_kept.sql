-- Rows of the past come in the order in which they were replaced: an index of blocks finds the oldest, at no cost.
DO $$
DECLARE
    kept text;
BEGIN
    FOR kept IN SELECT c.relname FROM pg_class AS c WHERE c.relnamespace = 'past'::regnamespace AND c.relkind = 'r' LOOP
        EXECUTE format(
            'CREATE INDEX IF NOT EXISTS %I ON past.%I USING brin (_known_to)', left(kept, 40) || '_old_idx', kept
        );
    END LOOP;
END
$$;

-- Drop rows that were replaced longer ago, at most so many; says how many went.
CREATE FUNCTION onemap.forget_past(older_than interval, most integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    kept text;
    went integer;
    gone integer := 0;
BEGIN
    FOR kept IN
        SELECT c.relname FROM pg_class AS c WHERE c.relnamespace = 'past'::regnamespace AND c.relkind = 'r'
        ORDER BY c.relname
    LOOP
        EXECUTE format(
            'DELETE FROM past.%1$I WHERE ctid = ANY (ARRAY(
                SELECT p.ctid FROM past.%1$I AS p WHERE p._known_to < now() - $1 LIMIT $2))', kept
        ) USING older_than, most - gone;
        GET DIAGNOSTICS went = ROW_COUNT;
        gone := gone + went;
        EXIT WHEN gone >= most;
    END LOOP;
    RETURN gone;
END
$$;
REVOKE EXECUTE ON FUNCTION onemap.forget_past FROM public;
GRANT EXECUTE ON FUNCTION onemap.forget_past TO onemap_owner, onemap_ingest;
