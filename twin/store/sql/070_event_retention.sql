-- Retention of events: first their sensitive fields go, later the whole event. Both work in small steps, so that
-- writers of events do not wait; the caller repeats until nothing is left. Streams are told that the layer changed as a
-- whole: a change of each event would bring into the log what goes.

-- The fields of events that only some may read: those of grade 3 and 4 with a column.
CREATE OR REPLACE FUNCTION twin.sensitive_event_fields() RETURNS text[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT coalesce(array_agg(f ->> 'name' ORDER BY f ->> 'name'), '{}')
FROM onemap.layer AS l CROSS JOIN LATERAL jsonb_array_elements(l.definition -> 'fields') AS f
WHERE l.id = 'events' AND (f ->> 'grade')::integer >= 3 AND EXISTS (
    SELECT FROM pg_attribute AS a
    WHERE a.attrelid = to_regclass('layer.events') AND a.attname = f ->> 'name' AND NOT a.attnotnull
)
$$;

-- Blank the sensitive fields of events whose newest news is older, in the present, the past and all versions; return of
-- how many events.
CREATE OR REPLACE FUNCTION twin.thin_events(older_than interval, most integer) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    fields text[] := twin.sensitive_event_fields();
    has_any text;
    blanks text;
    thinned text[];
BEGIN
    IF cardinality(fields) = 0 THEN
        RETURN 0;
    END IF;
    PERFORM pg_advisory_xact_lock(440114); -- AdvisoryLock.EVENTS
    SELECT string_agg(format('%I IS NOT NULL', f), ' OR '), string_agg(format('%I = NULL', f), ', ')
    INTO has_any, blanks FROM unnest(fields) AS f;
    EXECUTE format(
        'WITH due AS (
            SELECT id FROM layer.events
            WHERE coalesce(phenomenon_time, occurred_at, created_at) < now() - $1 AND (%s) LIMIT $2 FOR UPDATE SKIP LOCKED
        ), done AS (UPDATE layer.events AS e SET %s FROM due WHERE e.id = due.id RETURNING e.id)
        SELECT coalesce(array_agg(id), ''{}'') FROM done', has_any, blanks
    ) INTO thinned USING older_than, most;
    IF to_regclass('past.events') IS NOT NULL THEN -- the update has kept the rows that it replaced
        EXECUTE format('UPDATE past.events SET %s WHERE id = ANY ($1) AND (%s)', blanks, has_any) USING thinned;
    END IF;
    UPDATE twin.event_version AS v SET record = v.record - fields WHERE v.event_id = ANY (thinned);
    IF cardinality(thinned) > 0 THEN
        PERFORM onemap.note_whole('events', 4::smallint);
    END IF;
    RETURN cardinality(thinned);
END
$$;

-- Delete events whose newest news is older, with their past and their versions; return their ids.
CREATE OR REPLACE FUNCTION twin.forget_events(older_than interval, most integer) RETURNS text[]
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    gone text[];
BEGIN
    IF to_regclass('layer.events') IS NULL THEN
        RETURN '{}';
    END IF;
    PERFORM pg_advisory_xact_lock(440114); -- AdvisoryLock.EVENTS
    EXECUTE
        'WITH due AS (
            SELECT id FROM layer.events WHERE coalesce(phenomenon_time, occurred_at, created_at) < now() - $1
            LIMIT $2 FOR UPDATE SKIP LOCKED
        ), done AS (DELETE FROM layer.events AS e USING due WHERE e.id = due.id RETURNING e.id)
        SELECT coalesce(array_agg(id), ''{}'') FROM done'
    INTO gone USING older_than, most;
    IF cardinality(gone) > 0 THEN
        PERFORM onemap.note_whole('events', 4::smallint);
    END IF;
    PERFORM twin.purge_past('events', gone);
    RETURN gone;
END
$$;

-- Delete rejected rows of loads that are older; return how many.
CREATE OR REPLACE FUNCTION twin.forget_rejected(older_than interval) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    went integer;
BEGIN
    DELETE FROM onemap.quarantine WHERE created_at < now() - older_than;
    GET DIAGNOSTICS went = ROW_COUNT;
    RETURN went;
END
$$;
REVOKE EXECUTE ON FUNCTION
twin.sensitive_event_fields, twin.thin_events, twin.forget_events, twin.forget_rejected FROM public;
GRANT EXECUTE ON FUNCTION
twin.sensitive_event_fields, twin.thin_events, twin.forget_events, twin.forget_rejected TO onemap_owner, onemap_ingest;
