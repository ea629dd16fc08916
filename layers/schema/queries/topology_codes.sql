-- Parts whose code is malformed, of another district, or of a missing whole; the first fault that applies is returned.
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
        -- nothing is elsewhere while no district is loaded
        here.codes IS NOT NULL AND array_position(here.codes, left(p.code, 6)) IS NULL AS elsewhere,
        p.whole_code IN (SELECT whole.code FROM topology_whole AS whole) AS has_whole
    FROM topology_part AS p
    CROSS JOIN (SELECT array_agg(district.code) AS codes FROM topology_district AS district) AS here
) AS part
WHERE NOT part.well_formed OR part.elsewhere OR NOT part.has_whole
ORDER BY part.code
