-- The nearest waterway within 500 m, the chainage on it, and the bank looking downstream: the sign of the cross product
-- of the flow around the closest point and the vector to the feature.
SELECT
    feature.id,
    near.id AS nearest_waterway,
    round((near.chainage_start_m + spot.fraction * near.length_m)::numeric, 2)::double precision AS chainage_m,
    CASE
        WHEN near.id IS NULL THEN NULL
        WHEN ST_Distance(near.geom, feature.point) <= near.half_width_m THEN 'mid'
        WHEN
            (ST_X(flow.b) - ST_X(flow.a)) * (ST_Y(feature.point) - ST_Y(flow.a))
            > (ST_Y(flow.b) - ST_Y(flow.a)) * (ST_X(feature.point) - ST_X(flow.a)) THEN 'left'
        ELSE 'right'
    END AS bank
FROM (
    SELECT
        source.id,
        ST_Transform(onemap.point_of(source.geom), onemap.measuring_srid()) AS point
    FROM derive_row AS source
    OFFSET 0
) AS feature
LEFT JOIN LATERAL (
    SELECT
        waterway.*,
        ST_Length(waterway.geom) AS length_m
    FROM derive_waterway AS waterway
    WHERE ST_DWithin(waterway.geom, feature.point, 500)
    ORDER BY ST_Distance(waterway.geom, feature.point), waterway.id COLLATE "C"
    LIMIT 1
) AS near ON TRUE
LEFT JOIN LATERAL (SELECT ST_LineLocatePoint(near.geom, feature.point) AS fraction) AS spot ON TRUE
LEFT JOIN LATERAL (
    SELECT
        ST_LineInterpolatePoint(near.geom, greatest(spot.fraction - 1 / greatest(near.length_m, 1), 0)) AS a,
        ST_LineInterpolatePoint(near.geom, least(spot.fraction + 1 / greatest(near.length_m, 1), 1)) AS b
) AS flow ON TRUE
