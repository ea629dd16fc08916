-- Grid and area of each feature's point: from the prepared table where a grid covers it, else by place_at.
SELECT
    covered.id,
    left(covered.grid_code, 12) AS area_of_point,
    covered.grid_code AS grid_of_point
FROM derive_grid AS covered
WHERE covered.grid_code ~ '^[0-9]{15}$'
UNION ALL
SELECT
    feature.id,
    place.area_code AS area_of_point,
    place.grid_code AS grid_of_point
FROM derive_row AS feature
CROSS JOIN LATERAL onemap.place_at(feature.geom) AS place
WHERE NOT EXISTS (
    SELECT FROM derive_grid AS covered
    WHERE covered.id = feature.id AND covered.grid_code ~ '^[0-9]{15}$'
)
