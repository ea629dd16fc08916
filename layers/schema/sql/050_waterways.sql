-- Measuring along waterways, in the district's plane.

-- The 3-degree zone in which the district lies; lengths and areas are measured in it
-- (layers/coordinates/district_crs.py). EPSG:4547 until a district chooses.
CREATE OR REPLACE FUNCTION onemap.measuring_srid() RETURNS integer
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
SELECT coalesce((SELECT (value #>> '{}')::integer FROM onemap.setting WHERE name = 'measuring_srid'), 4547)
$$;
COMMENT ON FUNCTION onemap.measuring_srid() IS 'EPSG code of the plane in which lengths and areas are measured';
GRANT EXECUTE ON FUNCTION onemap.measuring_srid() TO onemap_read, onemap_ingest;

-- A place beside a waterway of a line, a chainage at its start and a width: chainage in metres, the bank looking
-- downstream, and the distance on the ground. No row for an empty line.
CREATE OR REPLACE FUNCTION onemap.beside_waterway(
    line geometry, chainage_start_m double precision, width_m double precision, place geometry
)
RETURNS TABLE (chainage_m double precision, bank text, distance_m double precision)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
AS $$
SELECT
    round((coalesce($2, 0) + spot.fraction * plane.length_m)::numeric, 2)::double precision,
    CASE
        WHEN ST_Distance(plane.line, plane.place) <= greatest(coalesce($3, 0) / 2, 0.5) THEN 'mid'
        WHEN
            (ST_X(flow.b) - ST_X(flow.a)) * (ST_Y(plane.place) - ST_Y(flow.a))
            > (ST_Y(flow.b) - ST_Y(flow.a)) * (ST_X(plane.place) - ST_X(flow.a)) THEN 'left'
        ELSE 'right'
    END,
    round(ST_Distance($1::geography, $4::geography)::numeric, 3)::double precision
FROM (
    SELECT
        ST_Transform($1, onemap.measuring_srid()) AS line,
        ST_Transform($4, onemap.measuring_srid()) AS place,
        ST_Length(ST_Transform($1, onemap.measuring_srid())) AS length_m
) AS plane
CROSS JOIN LATERAL (SELECT ST_LineLocatePoint(plane.line, plane.place) AS fraction) AS spot
CROSS JOIN LATERAL (
    SELECT
        ST_LineInterpolatePoint(plane.line, greatest(spot.fraction - 1 / greatest(plane.length_m, 1), 0)) AS a,
        ST_LineInterpolatePoint(plane.line, least(spot.fraction + 1 / greatest(plane.length_m, 1), 1)) AS b
) AS flow
WHERE NOT ST_IsEmpty($1)
$$;
COMMENT ON FUNCTION onemap.beside_waterway(geometry, double precision, double precision, geometry) IS
'Chainage, bank and distance of a place beside a waterway';
GRANT EXECUTE ON FUNCTION onemap.beside_waterway(geometry, double precision, double precision, geometry)
TO onemap_read, onemap_ingest;

-- The nearest of all waterways within a distance on the ground, at most 500 m: chainage on it in metres, and the bank
-- looking downstream. No row when none is so near. layers/schema/queries/derive_waterway.sql computes the same for many
-- features.
CREATE OR REPLACE FUNCTION onemap.waterway_at(point geometry, within_m double precision)
RETURNS TABLE (waterway_id text, chainage_m double precision, bank text, distance_m double precision)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
AS $$
SELECT
    waterway.id,
    beside.chainage_m,
    beside.bank,
    beside.distance_m
FROM layer.waterways AS waterway
CROSS JOIN LATERAL
onemap.beside_waterway(waterway.geom, waterway.chainage_start_m, waterway.width_m, $1) AS beside
WHERE waterway.geom && onemap.box_around($1, least($2, 500)) AND beside.distance_m <= least($2, 500)
ORDER BY beside.distance_m, waterway.id COLLATE "C"
LIMIT 1
$$;
