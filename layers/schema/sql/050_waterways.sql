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

-- The nearest waterway within a distance on the ground, at most 500 m: chainage on it in metres, and the bank looking
-- downstream. No row when none is so near. layers/schema/queries/derive_waterway.sql computes the same for many
-- features.
CREATE OR REPLACE FUNCTION onemap.waterway_at(point geometry, within_m double precision)
RETURNS TABLE (waterway_id text, chainage_m double precision, bank text, distance_m double precision)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
AS $$
SELECT
    near.id,
    round((near.chainage_start_m + spot.fraction * near.length_m)::numeric, 2)::double precision,
    CASE
        WHEN ST_Distance(near.line, near.place) <= near.half_width_m THEN 'mid'
        WHEN
            (ST_X(flow.b) - ST_X(flow.a)) * (ST_Y(near.place) - ST_Y(flow.a))
            > (ST_Y(flow.b) - ST_Y(flow.a)) * (ST_X(near.place) - ST_X(flow.a)) THEN 'left'
        ELSE 'right'
    END,
    near.distance_m
FROM (
    SELECT
        waterway.id,
        ST_Transform(waterway.geom, onemap.measuring_srid()) AS line,
        ST_Transform($1, onemap.measuring_srid()) AS place,
        ST_Length(ST_Transform(waterway.geom, onemap.measuring_srid())) AS length_m,
        coalesce(waterway.chainage_start_m, 0) AS chainage_start_m,
        greatest(coalesce(waterway.width_m, 0) / 2, 0.5) AS half_width_m,
        round(ST_Distance(waterway.geom::geography, $1::geography)::numeric, 3)::double precision AS distance_m
    FROM layer.waterways AS waterway
    WHERE waterway.geom && onemap.box_around($1, least($2, 500)) AND NOT ST_IsEmpty(waterway.geom)
    ORDER BY distance_m, waterway.id COLLATE "C"
    LIMIT 1
) AS near
CROSS JOIN LATERAL (SELECT ST_LineLocatePoint(near.line, near.place) AS fraction) AS spot
CROSS JOIN LATERAL (
    SELECT
        ST_LineInterpolatePoint(near.line, greatest(spot.fraction - 1 / greatest(near.length_m, 1), 0)) AS a,
        ST_LineInterpolatePoint(near.line, least(spot.fraction + 1 / greatest(near.length_m, 1), 1)) AS b
) AS flow
WHERE near.distance_m <= least($2, 500)
$$;
