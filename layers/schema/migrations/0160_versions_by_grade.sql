-- A layer's version tells that something changed; whoever may not see what changed is not told. So the last version is
-- kept by the lowest data grade that a statement touched, of rows as they were and as they are: who sees grades up to 2
-- is told the newer of the first two. Statements that touched no row count as grade 4.
ALTER TABLE onemap.layer
ADD COLUMN grade_versions bigint[], -- by data grade, 1 to 4; null: all is new to everybody (layers/load/rebuild.py)
ADD COLUMN grade_changed_at timestamptz[];
UPDATE onemap.layer SET
    grade_versions = array_fill(version, ARRAY[4]),
    grade_changed_at = array_fill(changed_at, ARRAY[4]);

ALTER TABLE onemap.changed_area ADD COLUMN grade smallint NOT NULL DEFAULT 1; -- the lowest that was touched

-- Who is told of a layer is told of its definition.
CREATE FUNCTION onemap.tell_everybody() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF tg_op = 'INSERT' OR new.grade_versions IS NULL OR new.definition IS DISTINCT FROM old.definition THEN
        new.grade_versions = array_fill(new.version, ARRAY[4]);
        new.grade_changed_at = array_fill(new.changed_at, ARRAY[4]);
    END IF;
    RETURN new;
END
$$;
CREATE TRIGGER tell_everybody BEFORE INSERT OR UPDATE OF definition ON onemap.layer
FOR EACH ROW EXECUTE FUNCTION onemap.tell_everybody();

-- Rows have grades of their own when the trigger says `graded`; otherwise whoever is told of the layer sees them all.
CREATE OR REPLACE FUNCTION onemap.touch_layer() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = onemap, pg_temp AS $$
DECLARE
    lowest smallint := 1;
    next_version bigint;
    moment CONSTANT timestamptz := clock_timestamp();
BEGIN
    IF tg_nargs > 0 AND tg_argv[0] = 'graded' THEN
        IF tg_op = 'INSERT' THEN
            SELECT min(data_grade) INTO lowest FROM new_rows;
        ELSIF tg_op = 'DELETE' THEN
            SELECT min(data_grade) INTO lowest FROM old_rows;
        ELSIF tg_op = 'UPDATE' THEN
            SELECT least((SELECT min(data_grade) FROM old_rows), (SELECT min(data_grade) FROM new_rows)) INTO lowest;
        END IF;
        lowest := least(greatest(coalesce(lowest, 4), 1), 4);
    END IF;
    PERFORM FROM onemap.layer WHERE id = tg_table_name FOR NO KEY UPDATE; -- versions follow the order of commits
    next_version := nextval('onemap.layer_version');
    UPDATE onemap.layer SET
        version = next_version,
        changed_at = moment,
        grade_versions[lowest] = next_version,
        grade_changed_at[lowest] = moment
    WHERE id = tg_table_name;
    PERFORM pg_notify(
        'onemap_layer', format('%s:%s:%s:0:%s', tg_table_name, next_version, extract(epoch FROM moment), lowest)
    );
    IF tg_table_name = 'events' THEN
        PERFORM onemap.touch(area) FROM unnest(ARRAY[
            'communities', 'districts', 'grids', 'streets', 'urban_villages'
        ]) AS area;
    END IF;
    RETURN NULL;
END
$$;

-- Tables that are there already; `layers/tables.py` does the same for new ones.
DO $$
DECLARE
    one record;
    operation text;
    rows_of CONSTANT jsonb := '{
        "insert": "NEW TABLE AS new_rows",
        "delete": "OLD TABLE AS old_rows",
        "update": "OLD TABLE AS old_rows NEW TABLE AS new_rows"
    }';
BEGIN
    FOR one IN
        SELECT
            id,
            CASE WHEN definition @> '{"fields": [{"name": "data_grade"}]}' THEN '''graded''' ELSE '' END AS graded
        FROM onemap.layer WHERE to_regclass(format('layer.%I', id)) IS NOT NULL
    LOOP
        FOR operation IN SELECT jsonb_object_keys(rows_of) LOOP
            EXECUTE format(
                'CREATE OR REPLACE TRIGGER touch_%1$s AFTER %1$s ON layer.%2$I REFERENCING %3$s
                FOR EACH STATEMENT EXECUTE FUNCTION onemap.touch_layer(%4$s)',
                operation, one.id, rows_of ->> operation, one.graded
            );
        END LOOP;
        EXECUTE format('DROP TRIGGER IF EXISTS touch ON layer.%I', one.id);
        EXECUTE format(
            'CREATE OR REPLACE TRIGGER touch_truncate AFTER TRUNCATE ON layer.%I
            FOR EACH STATEMENT EXECUTE FUNCTION onemap.touch_layer()', one.id
        );
    END LOOP;
END
$$;

-- A change is noted with the grade that the layer's version was given.
CREATE FUNCTION onemap.grade_changed_area() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = onemap, pg_temp AS $$
BEGIN
    SELECT coalesce(array_position(grade_versions, new.version), 4) INTO new.grade FROM layer WHERE id = new.layer;
    RETURN new;
END
$$;
CREATE TRIGGER graded BEFORE INSERT ON onemap.changed_area
FOR EACH ROW EXECUTE FUNCTION onemap.grade_changed_area();

-- As before; what is forgotten counts as changed anywhere for whoever was told of some of it.
CREATE OR REPLACE FUNCTION onemap.forget_changed_areas(older_than interval, most bigint) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = onemap, pg_temp AS $$
WITH ranked AS (
    SELECT
        layer,
        version,
        grade,
        changed_at < clock_timestamp() - older_than
            OR row_number() OVER (PARTITION BY layer ORDER BY version DESC) > most AS goes
    FROM changed_area
), last_gone AS (
    SELECT
        layer,
        max(version) AS version,
        min(grade) AS grade
    FROM ranked WHERE goes GROUP BY layer
), gone AS (
    DELETE FROM changed_area AS c USING last_gone AS g WHERE c.layer = g.layer AND c.version < g.version RETURNING 1
), kept AS (
    UPDATE changed_area AS c SET boxes = NULL, grade = g.grade FROM last_gone AS g
    WHERE c.layer = g.layer AND c.version = g.version AND (c.boxes IS NOT NULL OR c.grade > g.grade)
)
SELECT count(*) FROM gone
$$;
