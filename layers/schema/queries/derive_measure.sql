-- Geodesic area and length on the ellipsoid of CGCS2000.
SELECT
    feature.id,
    round(ST_Area(feature.geom::geography)::numeric, 2)::double precision AS area_m2,
    round(ST_Length(feature.geom::geography)::numeric, 2)::double precision AS length_m
FROM derive_row AS feature
