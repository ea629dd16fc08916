-- Remove a layer that no definition file declares, with its rows and their past: null where there is no such layer,
-- false where a file declares it. It waits five seconds for those who read it, and then gives up.
-- Web workers may do this for whoever keeps the layers (layers/schema/layer_titles.py).
CREATE OR REPLACE FUNCTION onemap.remove_layer(layer_id text) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '5s' AS $$
DECLARE
    is_declared boolean;
BEGIN
    SELECT l.declared INTO is_declared FROM onemap.layer AS l WHERE l.id = layer_id FOR UPDATE;
    IF NOT is_declared THEN
        EXECUTE format('DROP TABLE IF EXISTS layer.%1$I, past.%1$I', layer_id);
        DELETE FROM onemap.layer AS l WHERE l.id = layer_id;
    END IF;
    RETURN NOT is_declared;
END
$$;
REVOKE ALL ON FUNCTION onemap.remove_layer FROM public;
GRANT EXECUTE ON FUNCTION onemap.remove_layer TO onemap_ingest, onemap_owner;
