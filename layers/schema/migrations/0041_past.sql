-- What the layers were: rows that were replaced or deleted, with the time in which each was what was known. Written by
-- statements that change or delete, so that a first load costs nothing more. A row that stands in its table has been
-- known as it is since it was last replaced here, or since it was inserted (`_known_since`).
CREATE SCHEMA IF NOT EXISTS past;
GRANT ALL ON SCHEMA past TO onemap_owner;
GRANT USAGE ON SCHEMA past TO onemap_ingest, onemap_read;

-- Keep the rows of a source (a table's name, or old_rows) that were known before this transaction.
CREATE FUNCTION onemap.past_statement(layer_id text, source text) RETURNS text
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

CREATE FUNCTION onemap.keep_past() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = onemap, public, pg_temp AS $$
BEGIN
    EXECUTE past_statement(tg_table_name,
        CASE tg_op WHEN 'TRUNCATE' THEN format('layer.%I', tg_table_name) ELSE 'old_rows' END);
    RETURN NULL;
END
$$;

-- Keep all rows of a table that is about to be exchanged.
CREATE FUNCTION onemap.keep_all_past(layer_id text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE onemap.past_statement(layer_id, format('layer.%I', layer_id));
END
$$;

-- An event's versions laid over each other: what a later one says counts, what it leaves out stays.
CREATE AGGREGATE twin.laid_over(jsonb) (SFUNC = jsonb_concat, STYPE = jsonb, INITCOND = '{}'); -- noqa

-- What an event was at a moment, when its file tells nothing but the times of its steps.
CREATE FUNCTION onemap.stage_at(
    moment timestamptz, stage text, accepted_at timestamptz, dispatched_at timestamptz, handled_at timestamptz,
    verified_at timestamptz, closed_at timestamptz
) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
SELECT CASE
    WHEN $7 IS NULL AND coalesce($6, $5, $4, $3) IS NULL THEN $2
    WHEN coalesce($7, $6, $5, $4, $3) <= $1 THEN $2
    WHEN $6 <= $1 THEN 'verify'
    WHEN $5 <= $1 THEN 'feedback'
    WHEN $4 <= $1 THEN 'dispatch'
    WHEN $3 <= $1 THEN 'file'
    ELSE 'collect'
END
$$;
