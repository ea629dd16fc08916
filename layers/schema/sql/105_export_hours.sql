-- Count features that a subject takes of a layer, and return the seconds to the end of its hour; NULL when they are
-- more than the hour allows, and then nothing is counted. The same request again counts by what it gives more.
-- The row of the hour is locked by the first statement: of requests at once each sees what the one before it took.
CREATE OR REPLACE FUNCTION identity.take_allowance(
    of_subject text, of_layer text, this_request bytea, number bigint, most bigint
) RETURNS double precision
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = identity, pg_temp AS $$
DECLARE
    hour CONSTANT interval := '1 hour';
    moment CONSTANT timestamptz := clock_timestamp();
    mine export_hour;
    given bigint;
BEGIN
    INSERT INTO export_hour AS h (subject, layer, began, features) VALUES (of_subject, of_layer, moment, 0)
    ON CONFLICT (subject, layer) DO UPDATE SET
        began = CASE WHEN h.began <= moment - hour THEN moment ELSE h.began END,
        features = CASE WHEN h.began <= moment - hour THEN 0 ELSE h.features END
    RETURNING * INTO mine;
    IF mine.features = 0 THEN -- an hour that begins
        DELETE FROM export_request AS r WHERE r.subject = of_subject AND r.layer = of_layer;
        DELETE FROM export_hour AS h USING (
            SELECT e.subject, e.layer FROM export_hour AS e WHERE e.began <= moment - hour
            ORDER BY e.began LIMIT 100 FOR UPDATE SKIP LOCKED
        ) AS ended WHERE h.subject = ended.subject AND h.layer = ended.layer;
    END IF;
    SELECT r.features INTO given FROM export_request AS r
    WHERE r.subject = of_subject AND r.layer = of_layer AND r.request = this_request;
    given := greatest(0, number - coalesce(given, 0)); -- what it gives more
    IF mine.features + given > most THEN
        RETURN NULL;
    END IF;
    IF given > 0 THEN
        UPDATE export_hour AS h SET features = h.features + given WHERE h.subject = of_subject AND h.layer = of_layer;
        IF this_request IS NOT NULL THEN
            INSERT INTO export_request AS r (subject, layer, request, features)
            VALUES (of_subject, of_layer, this_request, number)
            ON CONFLICT (subject, layer, request) DO UPDATE SET features = excluded.features;
        END IF;
    END IF;
    RETURN extract(epoch FROM mine.began + hour - moment);
END
$$;
