-- Places where the parts do not fill their whole, or reach out of it, by more than a tolerance.
SELECT
    fault.kind,
    whole.code AS whole_code,
    ST_Area(fault.geom) AS area_m2,
    ST_X(ST_Transform(ST_PointOnSurface(fault.geom), 4490)) AS lon,
    ST_Y(ST_Transform(ST_PointOnSurface(fault.geom), 4490)) AS lat
FROM topology_whole AS whole
LEFT JOIN (
    SELECT
        part.whole_code,
        ST_Union(part.geom) AS geom
    FROM topology_part AS part
    GROUP BY part.whole_code
) AS filled ON whole.code = filled.whole_code
CROSS JOIN
    LATERAL (
        VALUES
        ('gap', CASE WHEN filled.geom IS NULL THEN whole.geom ELSE ST_Difference(whole.geom, filled.geom) END),
        ('outside', CASE WHEN filled.geom IS NOT NULL THEN ST_Difference(filled.geom, whole.geom) END)
    ) AS fault (kind, geom)
WHERE NOT ST_IsEmpty(ST_Buffer(fault.geom, -($1::double precision) / 2))
ORDER BY whole.code, fault.kind
