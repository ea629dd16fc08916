-- The catalogue announces its changes to every process.

-- Wake every process that keeps a copy of the catalogue. The notification has no payload: listeners read the tables.
CREATE OR REPLACE FUNCTION onemap.announce_catalogue() RETURNS trigger
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM pg_notify(onemap.channel('catalogue'), '');
    RETURN NULL;
END
$$;

CREATE OR REPLACE TRIGGER announce AFTER INSERT OR DELETE OR UPDATE OF definition, row_count, extent, lowest_grade
ON onemap.layer FOR EACH STATEMENT EXECUTE FUNCTION onemap.announce_catalogue();

CREATE OR REPLACE TRIGGER announce AFTER INSERT OR UPDATE OR DELETE ON onemap.raster
FOR EACH STATEMENT EXECUTE FUNCTION onemap.announce_catalogue();

CREATE OR REPLACE TRIGGER announce AFTER INSERT OR UPDATE OR DELETE ON onemap.raster_member
FOR EACH STATEMENT EXECUTE FUNCTION onemap.announce_catalogue();
