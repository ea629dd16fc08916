-- A grade that is changed by hand or by a load reaches streams, late readers and outlets at once: it is a change of the
-- log like any other, with the grade from before it, so that what a reader may see no more is taken off his map.

-- The statement that notes the features whose grade differs between two sources, each with the columns of the layer's
-- table. Features that this transaction made were never shown; those that came after it began and are committed were.
-- What moves lies in the area of its newest position; `stored` has that of its row, by which readers are judged who see
-- no positions. A frame has at most 1000 changes.
CREATE OR REPLACE FUNCTION onemap.regraded_statement(layer_id text, was text, now_is text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT format(
    $sql$INSERT INTO onemap.regraded (number, frame)
    SELECT count(*), convert_to(jsonb_agg(jsonb_build_object(
        'kind', 'feature', 'operation', 'update', 'layer', %1$L, 'id', c.id, 'grade', c.grade,
        'before', jsonb_build_object('grade', c.former)
    ) || c.labels ORDER BY c.id)::text, 'UTF8')
    FROM (
        SELECT r.id, r.data_grade AS grade, o.data_grade AS former,
            CASE WHEN p.id IS NULL THEN jsonb_build_object(%2$s)
            ELSE jsonb_build_object(%3$s) || jsonb_build_object('stored', jsonb_build_object(%2$s)) END AS labels,
            (row_number() OVER (ORDER BY r.id) - 1) / 1000 AS part
        FROM %4$s AS o INNER JOIN %5$s AS r ON o.id = r.id
        LEFT JOIN twin.position_now AS p ON p.layer = %1$L AND p.id = r.id
        WHERE o.data_grade <> r.data_grade AND o._known_since <> now()
    ) AS c
    GROUP BY c.part ORDER BY c.part$sql$,
    layer_id, string_agg(format('%L, r.%I', a.attname, a.attname), ', '),
    string_agg(format('%L, p.%I', a.attname, a.attname), ', '), was, now_is
)
FROM pg_attribute AS a
WHERE a.attrelid = format('layer.%I', layer_id)::regclass AND a.attname IN ('area_code', 'grid_code')
    AND NOT a.attisdropped
$$;

-- Note the grades that a statement changed; called by the trigger regraded_update of each layer's table whose rows have
-- grades of their own. EXCEPT takes time by the number of rows under any plan; a join for the first row found may loop.
CREATE OR REPLACE FUNCTION onemap.note_regraded() RETURNS trigger
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = onemap, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT id, data_grade FROM old_rows EXCEPT SELECT id, data_grade FROM new_rows) THEN
        EXECUTE regraded_statement(tg_table_name, 'old_rows', 'new_rows');
    END IF;
    RETURN NULL;
END
$$;

-- Note the grades that a load changed which makes the rows anew: they are compared with what the table held before.
CREATE OR REPLACE FUNCTION onemap.note_reloaded(layer_id text, was regclass) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = onemap, pg_temp AS $$
BEGIN
    EXECUTE regraded_statement(layer_id, was::text, format('layer.%I', layer_id));
END
$$;

-- Write noted changes into the log as the last act of their transaction: its lock is held to the commit, and a load
-- that held it from the beginning would stop every feed.
CREATE OR REPLACE FUNCTION onemap.tell_regraded() RETURNS trigger
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = onemap, pg_temp AS $$
BEGIN
    DELETE FROM regraded WHERE id = new.id;
    PERFORM twin.append_changes(new.number, new.frame);
    RETURN NULL;
END
$$;

DROP TRIGGER IF EXISTS tell ON onemap.regraded;
CREATE CONSTRAINT TRIGGER tell AFTER INSERT ON onemap.regraded DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW EXECUTE FUNCTION onemap.tell_regraded();

-- Tables of an earlier version have no such trigger yet (layers/schema/tables.py makes it with a new table).
DO $$
DECLARE
    graded regclass;
BEGIN
    FOR graded IN
        SELECT t.oid FROM pg_catalog.pg_class AS t INNER JOIN pg_catalog.pg_attribute AS a ON t.oid = a.attrelid
        WHERE t.relnamespace = 'layer'::regnamespace AND t.relkind = 'r' AND a.attname = 'data_grade'
            AND NOT a.attisdropped
    LOOP
        EXECUTE format(
            'CREATE OR REPLACE TRIGGER regraded_update AFTER UPDATE ON %s
            REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
            FOR EACH STATEMENT EXECUTE FUNCTION onemap.note_regraded()', graded
        );
    END LOOP;
END
$$;
