-- Erasing for good.

-- Delete the replaced rows of features, and what feeds brought of them; return how many rows were deleted. A feature
-- that exists stays; of one that is gone nothing is left. The caller blanks the change log, frame by frame.
CREATE OR REPLACE FUNCTION twin.purge_past(wanted_layer text, ids text[]) RETURNS bigint
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    gone text[];
    went bigint;
    total bigint := 0;
BEGIN
    EXECUTE format(
        'SELECT coalesce(array_agg(i), ''{}'') FROM unnest($1) AS i
        WHERE NOT EXISTS (SELECT FROM layer.%I AS f WHERE f.id = i)', wanted_layer
    ) INTO gone USING ids;
    IF to_regclass(format('past.%I', wanted_layer)) IS NOT NULL THEN
        EXECUTE format('DELETE FROM past.%I WHERE id = ANY ($1)', wanted_layer) USING ids;
        GET DIAGNOSTICS went = ROW_COUNT;
        total := total + went;
    END IF;
    DELETE FROM twin.position WHERE layer = wanted_layer AND id = ANY (ids);
    GET DIAGNOSTICS went = ROW_COUNT;
    total := total + went;
    DELETE FROM twin.feature_change WHERE layer = wanted_layer AND id = ANY (ids);
    GET DIAGNOSTICS went = ROW_COUNT;
    total := total + went;
    DELETE FROM twin.fence_transition
    WHERE (layer = wanted_layer AND mover = ANY (ids)) OR (area_layer = wanted_layer AND area_id = ANY (ids));
    GET DIAGNOSTICS went = ROW_COUNT;
    total := total + went;
    DELETE FROM twin.position_now WHERE layer = wanted_layer AND id = ANY (gone);
    GET DIAGNOSTICS went = ROW_COUNT;
    total := total + went;
    -- Observations have no layer: they are deleted with a device that is gone, and kept while it exists.
    DELETE FROM twin.observation WHERE id = ANY (gone);
    GET DIAGNOSTICS went = ROW_COUNT;
    total := total + went;
    DELETE FROM twin.observation_late WHERE id = ANY (gone);
    DELETE FROM twin.observation_5min WHERE id = ANY (gone);
    GET DIAGNOSTICS went = ROW_COUNT;
    total := total + went;
    DELETE FROM twin.observation_now WHERE id = ANY (gone);
    GET DIAGNOSTICS went = ROW_COUNT;
    total := total + went;
    IF wanted_layer = 'events' THEN
        DELETE FROM twin.geocoding WHERE event_id = ANY (gone);
        DELETE FROM twin.event_version WHERE event_id = ANY (gone);
        GET DIAGNOSTICS went = ROW_COUNT;
        total := total + went;
    END IF;
    RETURN total;
END
$$;
REVOKE EXECUTE ON FUNCTION twin.purge_past FROM public;
GRANT EXECUTE ON FUNCTION twin.purge_past TO onemap_owner;
