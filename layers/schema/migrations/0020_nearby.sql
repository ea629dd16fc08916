-- What is around a place. The functions read layer tables, which are made after the migrations.
SET LOCAL check_function_bodies = off;

-- The nearest waterway within a distance on the ground, at most 500 m: chainage on it, and the bank looking downstream.
-- The same as layers/sql/derive_waterway.sql says of many features.
CREATE FUNCTION onemap.waterway_at(point geometry, within_m double precision)
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
        ST_Transform(waterway.geom, 4547) AS line,
        ST_Transform($1, 4547) AS place,
        ST_Length(ST_Transform(waterway.geom, 4547)) AS length_m,
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
