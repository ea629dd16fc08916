-- A raster is one file or many: members that lie beside or over each other, or show one place at several times.
CREATE TABLE onemap.raster_member (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,     -- the order of loading
    raster text NOT NULL REFERENCES onemap.raster ON DELETE CASCADE,
    file text NOT NULL UNIQUE,                      -- name within the folder of rasters; never written a second time
    source text NOT NULL,
    phenomenon_time timestamptz,                    -- what it shows was then; null for what has no time
    srid integer NOT NULL,
    width integer NOT NULL,                         -- pixels
    height integer NOT NULL,
    bands jsonb NOT NULL,                           -- type, nodata, min, max, mean and std of each
    resolution double precision[] NOT NULL,         -- size of a pixel in x and y, in units of the srid
    extent GEOMETRY (POLYGON, 4490) NOT NULL,
    bytes bigint NOT NULL,
    loaded_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX raster_member_time ON onemap.raster_member (raster, phenomenon_time);
CREATE INDEX raster_member_extent ON onemap.raster_member USING gist (extent);

INSERT INTO onemap.raster_member
(raster, file, source, phenomenon_time, srid, width, height, bands, resolution, extent, bytes, loaded_at)
SELECT
    id,
    file,
    source,
    phenomenon_time,
    srid,
    width,
    height,
    bands,
    resolution,
    extent,
    bytes,
    loaded_at
FROM onemap.raster;

ALTER TABLE onemap.raster
ADD COLUMN overlap text NOT NULL DEFAULT 'newest' CHECK (overlap IN ('newest', 'first')),   -- who lies on top
DROP COLUMN file,
DROP COLUMN source,
DROP COLUMN srid,
DROP COLUMN width,
DROP COLUMN height,
DROP COLUMN bands,
DROP COLUMN resolution,
DROP COLUMN extent,
DROP COLUMN bytes,
DROP COLUMN phenomenon_time;

GRANT SELECT ON onemap.raster_member TO onemap_read;
GRANT ALL ON onemap.raster_member TO onemap_owner;
CREATE TRIGGER announce AFTER INSERT OR UPDATE OR DELETE ON onemap.raster_member
FOR EACH STATEMENT EXECUTE FUNCTION onemap.announce_catalogue();
