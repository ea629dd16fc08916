-- Grid and area of every point. Grids are found grid by grid: PostGIS keeps a polygon prepared while it tests many
-- points, which is eight times faster than finding the grids of every point. What no grid covers is left to place_at.
-- Tables and index of their own, with statistics: the layer's may say that it is empty, and then the planner would
-- search every row for every row.
CREATE TEMP TABLE derive_point ON COMMIT DROP AS
SELECT
    source.id,
    onemap.point_of(source.geom) AS point
FROM derive_row AS source
WHERE source.geom IS NOT NULL;
CREATE INDEX ON derive_point USING gist (point);
ANALYZE derive_point;
CREATE TEMP TABLE derive_place ON COMMIT DROP AS
SELECT
    hit.id,
    left(min(grid.grid_code COLLATE "C"), 12) AS area_of_point,
    min(grid.grid_code COLLATE "C") AS grid_of_point
FROM layer.grids AS grid
CROSS JOIN
    LATERAL (
        SELECT located.id
        FROM derive_point AS located
        WHERE ST_Covers(grid.geom, located.point)
        OFFSET 0
    ) AS hit
WHERE
    grid.superseded_at IS NULL AND (grid.valid_to IS NULL OR grid.valid_to > now())
    AND grid.geom && (SELECT ST_SetSRID(ST_Extent(located.point)::geometry, 4490) FROM derive_point AS located)
GROUP BY hit.id
HAVING min(grid.grid_code COLLATE "C") ~ '^[0-9]{15}$';
CREATE INDEX ON derive_place (id);
ANALYZE derive_place;
INSERT INTO derive_place (id, area_of_point, grid_of_point)
SELECT
    located.id,
    place.area_code,
    place.grid_code
FROM derive_point AS located
CROSS JOIN LATERAL onemap.place_at(located.point) AS place
WHERE NOT EXISTS (
    SELECT FROM derive_place AS placed
    WHERE placed.id = located.id
);
ANALYZE derive_place
