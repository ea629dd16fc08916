-- The data grade a feature has now, or had when it was deleted; null when nothing is known of it. Whoever reads what a
-- feature was asks for it: a grade that was raised holds for the past too (docs/decisions/grades-of-the-past.md).
CREATE FUNCTION onemap.grade_now(layer_id text, feature_id text) RETURNS smallint
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found smallint;
BEGIN
    EXECUTE format('SELECT data_grade FROM layer.%I WHERE id = $1', layer_id) INTO found USING feature_id;
    IF found IS NULL THEN
        EXECUTE format('SELECT data_grade FROM past.%I WHERE id = $1 ORDER BY _known_to DESC LIMIT 1', layer_id)
        INTO found USING feature_id;
    END IF;
    RETURN found;
EXCEPTION WHEN undefined_table OR undefined_column THEN
    RETURN NULL;
END
$$;
REVOKE EXECUTE ON FUNCTION onemap.grade_now FROM public;
GRANT EXECUTE ON FUNCTION onemap.grade_now TO onemap_owner, onemap_ingest, onemap_read;
