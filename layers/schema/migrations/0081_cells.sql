-- Points counted by cells, for maps that show too many of them to draw each. A cell is a tile of zoom 18 in Web
-- Mercator (150 m here); rows are apart by what decides who may count them, and by the kind they are counted by.
-- Kept by the statement that changes the layer's table, so that a count is never older than the rows.
CREATE TABLE onemap.cell (
    layer text NOT NULL REFERENCES onemap.layer ON DELETE CASCADE,
    x int NOT NULL,
    y int NOT NULL,
    data_grade smallint NOT NULL,
    area_code text NOT NULL,
    kind text NOT NULL,
    features int NOT NULL,
    lon_sum double precision NOT NULL,
    lat_sum double precision NOT NULL,
    PRIMARY KEY (layer, x, y, data_grade, area_code, kind)
);
CREATE INDEX cell_empty ON onemap.cell (layer) WHERE features <= 0;

CREATE FUNCTION onemap.cell_x(lon double precision) RETURNS int
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
SELECT greatest(0, least(262143, floor((lon + 180) / 360 * 262144)::int))
$$;

CREATE FUNCTION onemap.cell_y(lat double precision) RETURNS int
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
SELECT greatest(0, least(262143, floor(
    (1 - asinh(tan(radians(greatest(-85.0511, least(85.0511, lat))))) / pi()) / 2 * 262144)::int))
$$;

-- Arguments: the expressions of data_grade, area_code and kind over a row `r`; they come from the layer's definition.
CREATE FUNCTION onemap.gather() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = onemap, public, pg_temp AS $$
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

CREATE FUNCTION onemap.gather_statement(grade text, area text, kind text, changed text) RETURNS text
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

-- Count all of a layer's rows anew, when it begins to be gathered or is counted by something else.
CREATE FUNCTION onemap.gather_anew(layer_id text, grade text, area text, kind text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM onemap.cell WHERE layer = layer_id;
    EXECUTE onemap.gather_statement(grade, area, kind, format('SELECT 1 AS n, r.* FROM layer.%I AS r', layer_id))
    USING layer_id;
END
$$;
REVOKE EXECUTE ON FUNCTION onemap.gather_anew FROM public;
GRANT EXECUTE ON FUNCTION onemap.gather_anew TO onemap_owner;
GRANT ALL ON onemap.cell TO onemap_owner;
GRANT SELECT ON onemap.cell TO onemap_read;
