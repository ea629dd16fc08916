-- GCJ-02 and BD-09, the shifted datums of Chinese phone and web maps: the public formulas, as in
-- layers/coordinates/datum.py. A law of the tests holds both to the same answers within 1e-9 degrees.

-- A point of CGCS2000 in a datum, gcj02 or bd09; unchanged outside China, where the formulas are undefined.
CREATE OR REPLACE FUNCTION onemap.point_to_datum(point geometry, datum text) RETURNS geometry
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    lon float8 := ST_X(point);
    lat float8 := ST_Y(point);
    x float8 := lon - 105;
    y float8 := lat - 35;
    root float8;
    ripple float8;
    north_m float8;
    east_m float8;
    phi float8;
    w float8;
    radius float8;
    angle float8;
BEGIN
    IF lon IS NULL OR NOT (lon BETWEEN 72.004 AND 137.8347 AND lat BETWEEN 0.8293 AND 55.8271) THEN
        RETURN point;
    END IF;
    root := sqrt(abs(x));
    ripple := 20 * sin(6 * pi() * x) + 20 * sin(2 * pi() * x);
    north_m := -100 + 2 * x + 3 * y + 0.2::float8 * y * y + 0.1::float8 * x * y + 0.2::float8 * root
        + (ripple + 20 * sin(pi() * y) + 40 * sin(pi() * y / 3)) * 2 / 3
        + (160 * sin(pi() * y / 12) + 320 * sin(pi() * y / 30)) * 2 / 3;
    east_m := 300 + x + 2 * y + 0.1::float8 * x * x + 0.1::float8 * x * y + 0.1::float8 * root
        + (ripple + 20 * sin(pi() * x) + 40 * sin(pi() * x / 3)) * 2 / 3
        + (150 * sin(pi() * x / 12) + 300 * sin(pi() * x / 30)) * 2 / 3;
    phi := radians(lat);
    w := 1 - 0.00669342162296594323::float8 * sin(phi) ^ 2;
    lon := lon + degrees(east_m / (6378245::float8 / sqrt(w) * cos(phi)));
    lat := lat + degrees(north_m / (6378245::float8 * (1 - 0.00669342162296594323::float8) / (w * sqrt(w))));
    IF datum = 'bd09' AND lon BETWEEN 72.004 AND 137.8347 AND lat BETWEEN 0.8293 AND 55.8271 THEN
        radius := sqrt(lon * lon + lat * lat) + 2e-5::float8 * sin(lat * pi() * 3000 / 180);
        angle := atan2(lat, lon) + 3e-6::float8 * cos(lon * pi() * 3000 / 180);
        lon := radius * cos(angle) + 0.0065::float8;
        lat := radius * sin(angle) + 0.006::float8;
    END IF;
    RETURN ST_SetSRID(ST_MakePoint(lon, lat), ST_SRID(point));
END
$$;

-- A geometry of CGCS2000 in a datum, gcj02 or bd09: the same type, with every vertex shifted.
CREATE OR REPLACE FUNCTION onemap.to_datum(shape geometry, datum text) RETURNS geometry
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    parts geometry[];
BEGIN
    IF ST_IsEmpty(shape) THEN
        RETURN shape;
    END IF;
    CASE ST_GeometryType(shape)
        WHEN 'ST_Point' THEN
            RETURN onemap.point_to_datum(shape, datum);
        WHEN 'ST_LineString' THEN
            RETURN (
                SELECT ST_MakeLine(onemap.point_to_datum(vertex.geom, datum) ORDER BY vertex.path)
                FROM ST_DumpPoints(shape) AS vertex
            );
        WHEN 'ST_Polygon' THEN
            parts := ARRAY(
                SELECT onemap.to_datum(ST_ExteriorRing(ring.geom), datum) FROM ST_DumpRings(shape) AS ring ORDER BY ring.path
            );
            RETURN ST_MakePolygon(parts[1], parts[2:]);
        ELSE
            parts := ARRAY(
                SELECT onemap.to_datum(ST_GeometryN(shape, n), datum) FROM generate_series(1, ST_NumGeometries(shape)) AS n ORDER BY n
            );
            RETURN CASE ST_GeometryType(shape)
                WHEN 'ST_GeometryCollection' THEN ST_ForceCollection(ST_Collect(parts))
                ELSE ST_Multi(ST_Collect(parts))
            END;
    END CASE;
END
$$;
