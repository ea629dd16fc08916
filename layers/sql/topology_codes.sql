-- Parts whose code is malformed, of another district, or of a whole that is not here; the first that holds is told.
SELECT
    part.whole_code,
    part.code,
    0.0::double precision AS area_m2,
    ST_X(part.place) AS lon,
    ST_Y(part.place) AS lat,
    CASE
        WHEN NOT part.well_formed THEN 'malformed'
        WHEN part.elsewhere THEN 'foreign'
        ELSE 'orphan'
    END AS kind
FROM (
    SELECT
        p.whole_code,
        p.code,
        ST_Transform(ST_PointOnSurface(p.geom), 4490) AS place,
        p.code ~ ('^[0-9]{' || $1::integer || '}$') AS well_formed,
        EXISTS (SELECT FROM topology_district)
        AND left(p.code, 6) NOT IN (SELECT district.code FROM topology_district AS district) AS elsewhere,
        EXISTS (SELECT FROM topology_whole AS whole WHERE whole.code = p.whole_code) AS has_whole
    FROM topology_part AS p
) AS part
WHERE NOT part.well_formed OR part.elsewhere OR NOT part.has_whole
ORDER BY part.code
