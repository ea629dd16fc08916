-- Pairs of parts of one whole that overlap by more than a tolerance: something is left after shrinking by half of it.
SELECT
    a.whole_code,
    ARRAY[a.code, b.code] AS part_codes,
    ST_Area(pair.shared) AS area_m2,
    ST_X(ST_Transform(ST_PointOnSurface(pair.shared), 4490)) AS lon,
    ST_Y(ST_Transform(ST_PointOnSurface(pair.shared), 4490)) AS lat
FROM topology_part AS a
INNER JOIN topology_part AS b
    ON a.whole_code = b.whole_code AND a.code COLLATE "C" < b.code COLLATE "C" AND a.geom && b.geom
CROSS JOIN LATERAL (SELECT ST_Intersection(a.geom, b.geom) AS shared) AS pair
WHERE NOT ST_IsEmpty(ST_Buffer(pair.shared, -($1::double precision) / 2))
ORDER BY a.whole_code, part_codes
