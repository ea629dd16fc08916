-- Buildings whose point lies in the polygon.
SELECT
    feature.id,
    count(building.id) AS building_count
FROM derive_row AS feature
LEFT JOIN layer.buildings AS building
    ON building.geom && feature.geom AND ST_Covers(feature.geom, onemap.point_of(building.geom))
GROUP BY feature.id
