-- What a raster's heights are above, when it is of, and whether it is made up; workers hear when rasters change.
ALTER TABLE onemap.raster
ADD COLUMN vertical_datum text,
ADD COLUMN synthetic boolean NOT NULL DEFAULT false,
ADD COLUMN phenomenon_time timestamptz;

CREATE TRIGGER announce AFTER INSERT OR UPDATE OR DELETE ON onemap.raster
FOR EACH STATEMENT EXECUTE FUNCTION onemap.announce_catalogue();
