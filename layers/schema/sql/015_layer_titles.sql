-- Title a layer that no definition file declares: null where there is no such layer, false where a file declares it.
-- A null leaves a title as it is. Web workers may do this and change nothing else of a layer
-- (layers/schema/layer_titles.py).
CREATE OR REPLACE FUNCTION onemap.title_layer(layer_id text, zh text, en text, group_zh text) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    is_declared boolean;
BEGIN
    SELECT l.declared INTO is_declared FROM onemap.layer AS l WHERE l.id = layer_id FOR UPDATE;
    IF NOT is_declared THEN
        UPDATE onemap.layer AS l SET
            definition = l.definition
                || jsonb_strip_nulls(jsonb_build_object('title_zh', zh, 'title_en', en))
                || jsonb_build_object(
                    'map', l.definition -> 'map' || jsonb_strip_nulls(jsonb_build_object('group_zh', group_zh))
                ),
            version = nextval('onemap.layer_version'), changed_at = clock_timestamp()
        WHERE l.id = layer_id;
    END IF;
    RETURN NOT is_declared;
END
$$;
REVOKE ALL ON FUNCTION onemap.title_layer FROM public;
GRANT EXECUTE ON FUNCTION onemap.title_layer TO onemap_ingest, onemap_owner;
