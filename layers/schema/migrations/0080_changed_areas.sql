-- Where a layer's table changed, statement by statement, so that what is cached is dropped there and nowhere else.
-- A layer's versions follow the order of its commits: the row in onemap.layer stays locked to the commit.
CREATE TABLE onemap.changed_area (
    layer text NOT NULL REFERENCES onemap.layer ON DELETE CASCADE,
    version bigint NOT NULL,
    boxes double precision[],             -- west, south, east, north of each change, one after another; null: anywhere
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (layer, version)
);

-- After `touch` in the order of names, so that the version is there.
CREATE FUNCTION onemap.note_changed_area() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = onemap, public, pg_temp AS $$
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

-- West, south, east, north; null for nothing and for what is empty.
CREATE FUNCTION onemap.sides(geom geometry) RETURNS double precision[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
SELECT CASE WHEN ST_IsEmpty(geom) THEN NULL ELSE ARRAY[ST_XMin(geom), ST_YMin(geom), ST_XMax(geom), ST_YMax(geom)] END
$$;

-- A layer that is made anew has nothing to do with one of the same name before; one that is declared anew may have got
-- another table (layers/load/rebuild.py).
CREATE FUNCTION onemap.note_new_layer() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = onemap, pg_temp AS $$
BEGIN
    INSERT INTO changed_area (layer, version) VALUES (new.id, new.version)
    ON CONFLICT (layer, version) DO UPDATE SET boxes = NULL;
    RETURN NULL;
END
$$;
CREATE TRIGGER new_layer AFTER INSERT OR UPDATE OF definition ON onemap.layer
FOR EACH ROW EXECUTE FUNCTION onemap.note_new_layer();
INSERT INTO onemap.changed_area (layer, version)
SELECT
    id,
    version
FROM onemap.layer;

-- Forget old changes: what is older than the last one forgotten counts as changed anywhere.
CREATE FUNCTION onemap.forget_changed_areas(older_than interval, most bigint) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = onemap, pg_temp AS $$
WITH ranked AS (
    SELECT
        layer,
        version,
        changed_at < clock_timestamp() - older_than
            OR row_number() OVER (PARTITION BY layer ORDER BY version DESC) > most AS goes
    FROM changed_area
), last_gone AS (
    SELECT
        layer,
        max(version) AS version
    FROM ranked WHERE goes GROUP BY layer
), gone AS (
    DELETE FROM changed_area AS c USING last_gone AS g WHERE c.layer = g.layer AND c.version < g.version RETURNING 1
), kept AS (
    UPDATE changed_area AS c SET boxes = NULL FROM last_gone AS g
    WHERE c.layer = g.layer AND c.version = g.version AND c.boxes IS NOT NULL
)
SELECT count(*) FROM gone
$$;

REVOKE EXECUTE ON FUNCTION onemap.forget_changed_areas FROM public;
GRANT EXECUTE ON FUNCTION onemap.forget_changed_areas TO onemap_owner, onemap_ingest;
GRANT ALL ON onemap.changed_area TO onemap_owner;
GRANT SELECT ON onemap.changed_area TO onemap_read, onemap_ingest;
