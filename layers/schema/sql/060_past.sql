-- Replaced and deleted rows of layers, each with the time in which it was known. They are written by the statements
-- that change or delete, so that a first load costs nothing more. A row of a layer's table has been known as it is
-- since it was last replaced, or since it was inserted (`_known_since`).

-- The statement that keeps those rows of a source (a table, or old_rows) that were known before this transaction. It
-- names the columns that the layer's table and its past have in common.
CREATE OR REPLACE FUNCTION onemap.past_statement(layer_id text, source text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT format(
    'INSERT INTO past.%1$I (%2$s, _known_from, _known_to)
    SELECT %3$s, known.since, now() FROM %4$s AS o CROSS JOIN LATERAL (
        SELECT greatest(o._known_since, (SELECT max(p._known_to) FROM past.%1$I AS p WHERE p.id = o.id)) AS since
    ) AS known WHERE o._known_since < now() AND known.since < now()',
    layer_id, string_agg(quote_ident(a.attname), ', '), string_agg('o.' || quote_ident(a.attname), ', '), source
)
FROM pg_attribute AS a
WHERE a.attrelid = format('past.%I', layer_id)::regclass AND a.attnum > 0 AND NOT a.attisdropped
    AND a.attname NOT IN ('_known_from', '_known_to')
    AND EXISTS (
        SELECT FROM pg_attribute AS b
        WHERE b.attrelid = format('layer.%I', layer_id)::regclass AND b.attname = a.attname AND NOT b.attisdropped
    )
$$;

-- Keep the rows that a statement replaced or deleted; called by the triggers keep_past_… of each layer's table.
CREATE OR REPLACE FUNCTION onemap.keep_past() RETURNS trigger
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = onemap, public, pg_temp AS $$
BEGIN
    EXECUTE past_statement(tg_table_name,
        CASE tg_op WHEN 'TRUNCATE' THEN format('layer.%I', tg_table_name) ELSE 'old_rows' END);
    RETURN NULL;
END
$$;

-- Keep all rows of a table that is about to be exchanged.
CREATE OR REPLACE FUNCTION onemap.keep_all_past(layer_id text) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    EXECUTE onemap.past_statement(layer_id, format('layer.%I', layer_id));
END
$$;

-- The data grade of a feature, or its last one when it was deleted; NULL for an unknown feature. A reader of the past
-- asks for it: a grade that was raised holds for the past too (docs/decisions/grades-of-the-past.md).
CREATE OR REPLACE FUNCTION onemap.grade_now(layer_id text, feature_id text) RETURNS smallint
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found smallint;
BEGIN
    EXECUTE format('SELECT data_grade FROM layer.%I WHERE id = $1', layer_id) INTO found USING feature_id;
    IF found IS NULL THEN
        EXECUTE format('SELECT data_grade FROM past.%I WHERE id = $1 ORDER BY _known_to DESC LIMIT 1', layer_id)
        INTO found USING feature_id;
    END IF;
    RETURN found;
EXCEPTION WHEN undefined_table OR undefined_column THEN
    RETURN NULL;
END
$$;
REVOKE EXECUTE ON FUNCTION onemap.grade_now FROM public;
GRANT EXECUTE ON FUNCTION onemap.grade_now TO onemap_owner, onemap_ingest, onemap_read;

-- Delete rows that were replaced longer ago than `older_than`, at most `most` of them; return how many were
-- deleted.
CREATE OR REPLACE FUNCTION onemap.forget_past(older_than interval, most integer) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
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
