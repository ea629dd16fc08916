-- Rasters that were loaded: stored as cloud-optimised GeoTIFFs in the home folder, found again here.
CREATE TABLE onemap.raster (
    id text PRIMARY KEY,
    title text NOT NULL,
    file text NOT NULL,                             -- name within the folder of rasters
    source text NOT NULL,
    srid integer NOT NULL,
    width integer NOT NULL,                         -- pixels
    height integer NOT NULL,
    bands jsonb NOT NULL,                           -- type, nodata and statistics of each
    resolution double precision[] NOT NULL,         -- size of a pixel in x and y, in units of the srid
    extent GEOMETRY (POLYGON, 4490) NOT NULL,
    bytes bigint NOT NULL,
    grade smallint NOT NULL DEFAULT 2 CHECK (grade BETWEEN 1 AND 4),
    loaded_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX raster_extent ON onemap.raster USING gist (extent);
GRANT SELECT ON onemap.raster TO onemap_read;
GRANT ALL ON onemap.raster TO onemap_owner;
