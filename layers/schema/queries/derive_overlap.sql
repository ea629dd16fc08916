-- Shares of two layers' areas in each other; less than a square metre counts as inaccurate digitising.
SELECT
    pair.a_id,
    pair.b_id,
    least(pair.area_m2 / pair.a_m2, 1) AS share_a,
    least(pair.area_m2 / pair.b_m2, 1) AS share_b
FROM (
    SELECT
        a.id AS a_id,
        b.id AS b_id,
        ST_Area(ST_Intersection(a.geom, b.geom)::geography) AS area_m2,
        ST_Area(a.geom::geography) AS a_m2,
        ST_Area(b.geom::geography) AS b_m2
    FROM derive_a AS a
    INNER JOIN derive_b AS b ON ST_Intersects(a.geom, b.geom)
) AS pair
WHERE pair.area_m2 >= 1
