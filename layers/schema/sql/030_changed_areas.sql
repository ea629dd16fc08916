-- Where a layer's table changed, statement by statement, so that caches drop the tiles there and no others.

-- West, south, east and north of a geometry in degrees; NULL for NULL and for an empty geometry.
CREATE OR REPLACE FUNCTION onemap.sides(geom geometry) RETURNS double precision[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
SELECT CASE WHEN ST_IsEmpty(geom) THEN NULL ELSE ARRAY[ST_XMin(geom), ST_YMin(geom), ST_XMax(geom), ST_YMax(geom)] END
$$;

-- Note the boxes of the rows that a statement changed, NULL for a change anywhere: after a TRUNCATE, or when the
-- statement changed more than 1000 rows. Called by the triggers touched_… of each layer's table, which fire after
-- touch_… by the order of names and so find the layer's new version.
CREATE OR REPLACE FUNCTION onemap.note_changed_area() RETURNS trigger
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = onemap, public, pg_temp AS $$
DECLARE
    most CONSTANT int := 1000; -- more than that is everywhere
    found_boxes double precision[];
    changed int;
BEGIN
    IF tg_op = 'INSERT' THEN
        SELECT count(*) INTO changed FROM (SELECT 1 FROM new_rows LIMIT most + 1) AS r;
        IF changed <= most THEN
            SELECT array_agg(side) INTO found_boxes FROM new_rows, unnest(onemap.sides(geom)) AS side;
        END IF;
    ELSIF tg_op = 'DELETE' THEN
        SELECT count(*) INTO changed FROM (SELECT 1 FROM old_rows LIMIT most + 1) AS r;
        IF changed <= most THEN
            SELECT array_agg(side) INTO found_boxes FROM old_rows, unnest(onemap.sides(geom)) AS side;
        END IF;
    ELSIF tg_op = 'UPDATE' THEN
        SELECT count(*) INTO changed FROM (SELECT 1 FROM new_rows LIMIT most + 1) AS r;
        IF changed <= most THEN -- a changed id is a row that went and one that came
            SELECT array_agg(side) INTO found_boxes
            FROM old_rows AS o FULL JOIN new_rows AS r ON o.id = r.id,
            LATERAL unnest(onemap.sides(o.geom) || onemap.sides(r.geom)) AS side
            WHERE o IS DISTINCT FROM r;
        END IF;
    END IF;
    IF changed <= most AND found_boxes IS NULL THEN
        RETURN NULL; -- nothing that has a place
    END IF;
    INSERT INTO changed_area (layer, version, boxes)
    SELECT id, version, found_boxes FROM layer WHERE id = tg_table_name;
    RETURN NULL;
END
$$;

-- A new layer counts as changed everywhere: it has nothing in common with an earlier one of its name, and one with a
-- new definition may have another table (layers/load/rebuild.py).
CREATE OR REPLACE FUNCTION onemap.note_new_layer() RETURNS trigger
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = onemap, pg_temp AS $$
BEGIN
    INSERT INTO changed_area (layer, version) VALUES (new.id, new.version)
    ON CONFLICT (layer, version) DO UPDATE SET boxes = NULL;
    RETURN NULL;
END
$$;

CREATE OR REPLACE TRIGGER new_layer AFTER INSERT OR UPDATE OF definition ON onemap.layer
FOR EACH ROW EXECUTE FUNCTION onemap.note_new_layer();

-- Note a change with the grade that the layer's version was given.
CREATE OR REPLACE FUNCTION onemap.grade_changed_area() RETURNS trigger
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = onemap, pg_temp AS $$
BEGIN
    SELECT coalesce(array_position(grade_versions, new.version), 4) INTO new.grade FROM layer WHERE id = new.layer;
    RETURN new;
END
$$;

CREATE OR REPLACE TRIGGER graded BEFORE INSERT ON onemap.changed_area
FOR EACH ROW EXECUTE FUNCTION onemap.grade_changed_area();

-- Delete old changes and return how many were deleted. The newest deleted one stays as a change anywhere, of the lowest
-- grade of the deleted ones: whatever is older than it counts as changed.
CREATE OR REPLACE FUNCTION onemap.forget_changed_areas(older_than interval, most bigint) RETURNS bigint
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = onemap, pg_temp AS $$
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
REVOKE EXECUTE ON FUNCTION onemap.forget_changed_areas FROM public;
GRANT EXECUTE ON FUNCTION onemap.forget_changed_areas TO onemap_owner, onemap_ingest;
