-- The areas that hold a place.

-- The point that represents a feature: itself, or a point on its line or surface.
CREATE OR REPLACE FUNCTION onemap.point_of(feature geometry) RETURNS geometry
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$SELECT CASE WHEN ST_GeometryType($1) = 'ST_Point' THEN $1 ELSE ST_PointOnSurface($1) END$$;

-- The box that holds every point within a distance on the ground; a filter by index in front of an exact test. A degree
-- counts as 110 km, a little less than its length, so that the box is never too small.
CREATE OR REPLACE FUNCTION onemap.box_around(point geometry, distance_m double precision) RETURNS geometry
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$SELECT ST_Expand($1, $2 / (110000 * greatest(cos(radians(ST_Y($1))), 0.01)), $2 / 110000)$$;

-- Code of the smallest area around a point: community, else street, else district, padded with zeros to 12 digits.
-- NULL outside every district.
CREATE OR REPLACE FUNCTION onemap.area_around(point geometry) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
SELECT rpad(coalesce(
    (
        SELECT min(coalesce(area.community_code, area.id) COLLATE "C") FROM layer.communities AS area
        WHERE ST_Covers(area.geom, $1)
            AND area.superseded_at IS NULL AND (area.valid_to IS NULL OR area.valid_to > now())
    ),
    (
        SELECT min(coalesce(area.street_code, area.id) COLLATE "C") FROM layer.streets AS area
        WHERE ST_Covers(area.geom, $1)
            AND area.superseded_at IS NULL AND (area.valid_to IS NULL OR area.valid_to > now())
    ),
    (
        SELECT min(coalesce(area.district_code, area.id) COLLATE "C") FROM layer.districts AS area
        WHERE ST_Covers(area.geom, $1)
            AND area.superseded_at IS NULL AND (area.valid_to IS NULL OR area.valid_to > now())
    )
), 12, '0')
$$;

-- Grid and area of a feature's point. Edges are half-open: of several grids that cover the point, the one with the
-- smallest code counts (C collation, so that the planner takes the spatial index and not that of the code). A point
-- outside every grid takes the nearest within 30 m. Always one row; written so that PostgreSQL inlines it into a
-- LATERAL join.
CREATE OR REPLACE FUNCTION onemap.place_at(feature geometry)
RETURNS TABLE (grid_code text, area_code text, grid_match text)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
AS $$
SELECT
    coalesce(inside.code, near.code),
    coalesce(inside.area_code, onemap.area_around(spot.point), left(near.code, 12)),
    CASE WHEN inside.code IS NOT NULL THEN 'inside' WHEN near.code IS NOT NULL THEN 'nearest' ELSE 'none' END
FROM (SELECT onemap.point_of($1) AS point OFFSET 0) AS spot
LEFT JOIN LATERAL (
    SELECT grid.grid_code AS code, CASE WHEN grid.grid_code ~ '^[0-9]{15}$' THEN left(grid.grid_code, 12) END AS area_code
    FROM layer.grids AS grid
    WHERE ST_Covers(grid.geom, spot.point)
        AND grid.superseded_at IS NULL AND (grid.valid_to IS NULL OR grid.valid_to > now())
    ORDER BY grid.grid_code COLLATE "C"
    LIMIT 1
) AS inside ON true
LEFT JOIN LATERAL (
    SELECT grid.grid_code AS code
    FROM layer.grids AS grid
    WHERE inside.code IS NULL
        AND grid.geom && onemap.box_around(spot.point, 30)
        AND ST_DWithin(grid.geom::geography, spot.point::geography, 30)
        AND grid.superseded_at IS NULL AND (grid.valid_to IS NULL OR grid.valid_to > now())
    ORDER BY ST_Distance(grid.geom::geography, spot.point::geography), grid.grid_code COLLATE "C"
    LIMIT 1
) AS near ON true
$$;

-- Grid of one feature; for many features join place_at.
CREATE OR REPLACE FUNCTION onemap.grid_at(feature geometry) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE AS $$SELECT place.grid_code FROM onemap.place_at($1) AS place$$;

-- Area of one feature; for many features join place_at.
CREATE OR REPLACE FUNCTION onemap.area_at(feature geometry) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE AS $$SELECT place.area_code FROM onemap.place_at($1) AS place$$;
