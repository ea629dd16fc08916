-- The waterways in metres of the measuring plane, indexed for the search for the nearest.
CREATE TEMP TABLE derive_waterway ON COMMIT DROP AS
SELECT
    waterway.id,
    ST_Transform(waterway.geom, onemap.measuring_srid()) AS geom,
    coalesce(waterway.chainage_start_m, 0) AS chainage_start_m,
    greatest(coalesce(waterway.width_m, 0) / 2, 0.5) AS half_width_m
FROM layer.waterways AS waterway
WHERE waterway.geom IS NOT NULL AND NOT ST_IsEmpty(waterway.geom);
CREATE INDEX ON derive_waterway USING gist (geom);
ANALYZE derive_waterway
