-- Points counted by cells, for maps that show too many of them to draw each. A cell is a tile of zoom 18 in Web
-- Mercator (150 m at this latitude). The statement that changes a layer's table also changes the counts, so that a
-- count is never older than the rows (layers/schema/cell_counts.py).

-- Column of the cell at a longitude in degrees, which is not null. A function that is STRICT would not be written into
-- the statement, since `greatest` is not: it would be called for every point, several times.
CREATE OR REPLACE FUNCTION onemap.cell_x(lon double precision) RETURNS int
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
SELECT greatest(0, least(262143, floor((lon + 180) / 360 * 262144)::int))
$$;

-- Row of the cell at a latitude in degrees, from the north; alike.
CREATE OR REPLACE FUNCTION onemap.cell_y(lat double precision) RETURNS int
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
SELECT greatest(0, least(262143, floor(
    (1 - asinh(tan(radians(greatest(-85.0511, least(85.0511, lat))))) / pi()) / 2 * 262144)::int))
$$;

-- The statement that adds the rows of a query to the counts. `changed` yields rows of the layer with n = 1 for a new
-- row and -1 for an old one; `grade`, `area` and `kind` are expressions over a row `r`. $1 is the layer.
CREATE OR REPLACE FUNCTION onemap.gather_statement(grade text, area text, kind text, changed text) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
SELECT format($statement$
    INSERT INTO onemap.cell AS kept (layer, x, y, data_grade, area_code, kind, features, lon_sum, lat_sum)
    SELECT $1, x, y, grade, area, kind, sum(n), sum(n * lon), sum(n * lat)
    FROM (
        SELECT r.n, ST_X(r.geom) AS lon, ST_Y(r.geom) AS lat, %s AS grade, coalesce(%s, '') AS area,
            coalesce(%s, '') AS kind
        FROM (%s) AS r WHERE ST_X(r.geom) IS NOT NULL
    ) AS r, LATERAL (SELECT onemap.cell_x(lon) AS x, onemap.cell_y(lat) AS y) AS c
    GROUP BY x, y, grade, area, kind
    HAVING sum(n) <> 0 OR sum(n * lon) <> 0 OR sum(n * lat) <> 0
    ON CONFLICT (layer, x, y, data_grade, area_code, kind) DO UPDATE SET features = kept.features + excluded.features,
        lon_sum = kept.lon_sum + excluded.lon_sum, lat_sum = kept.lat_sum + excluded.lat_sum
    $statement$, grade, area, kind, changed)
$$;

-- Bring the counts up to date after a statement. Its arguments are the expressions of data_grade, area_code and kind
-- over a row `r`; they come from the layer's definition.
CREATE OR REPLACE FUNCTION onemap.gather() RETURNS trigger
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = onemap, public, pg_temp AS $$
BEGIN
    IF tg_op = 'TRUNCATE' THEN
        DELETE FROM cell WHERE layer = tg_table_name;
        RETURN NULL;
    END IF;
    EXECUTE gather_statement(tg_argv[0], tg_argv[1], tg_argv[2], concat_ws(' UNION ALL ',
        CASE WHEN tg_op <> 'DELETE' THEN 'SELECT 1 AS n, r.* FROM new_rows AS r' END,
        CASE WHEN tg_op <> 'INSERT' THEN 'SELECT -1 AS n, r.* FROM old_rows AS r' END
    )) USING tg_table_name;
    DELETE FROM cell WHERE layer = tg_table_name AND features <= 0;
    RETURN NULL;
END
$$;

-- Count all rows of a layer anew: when its counting begins, and when its expressions change.
CREATE OR REPLACE FUNCTION onemap.gather_anew(layer_id text, grade text, area text, kind text) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    DELETE FROM onemap.cell WHERE layer = layer_id;
    EXECUTE onemap.gather_statement(grade, area, kind, format('SELECT 1 AS n, r.* FROM layer.%I AS r', layer_id))
    USING layer_id;
END
$$;
REVOKE EXECUTE ON FUNCTION onemap.gather_anew FROM public;
GRANT EXECUTE ON FUNCTION onemap.gather_anew TO onemap_owner;
