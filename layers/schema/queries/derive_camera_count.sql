-- Video points in the polygon.
SELECT
    feature.id,
    count(camera.id) AS camera_count
FROM derive_row AS feature
LEFT JOIN layer.video_points AS camera ON ST_Covers(feature.geom, camera.geom)
GROUP BY feature.id
