-- Open events, narrow: what is counted as open or overdue changes with the time and is counted one by one.
CREATE TABLE twin.event_open (
    id text COLLATE "C" PRIMARY KEY,
    grid_code text,
    area_code text,
    data_grade smallint NOT NULL,
    occurred_at timestamptz,
    due_at timestamptz
);

CREATE OR REPLACE FUNCTION twin.count_events() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, pg_temp AS $$
DECLARE
    was text := CASE WHEN tg_op IN ('UPDATE', 'DELETE') THEN 'SELECT -1 AS d, r.* FROM old_rows AS r' END;
    is_now text := CASE WHEN tg_op IN ('INSERT', 'UPDATE') THEN 'SELECT 1 AS d, r.* FROM new_rows AS r' END;
    changed text := concat_ws(' UNION ALL ', was, is_now);
BEGIN
    IF tg_op = 'TRUNCATE' THEN
        DELETE FROM event_5min;
        DELETE FROM event_day;
        DELETE FROM event_open;
        RETURN NULL;
    END IF;
    EXECUTE event_statement(changed, '5 minutes', 'event_5min');
    EXECUTE event_statement(changed, '1 day', 'event_day');
    IF was IS NOT NULL THEN
        EXECUTE format('DELETE FROM event_open AS o USING (%s %s) AS gone WHERE o.id = gone.id', open_of(was),
            coalesce('EXCEPT ' || open_of(is_now), ''));
    END IF;
    IF is_now IS NOT NULL THEN
        EXECUTE format('INSERT INTO event_open %s ON CONFLICT (id) DO NOTHING', open_of(is_now));
    END IF;
    RETURN NULL;
END
$$;

CREATE FUNCTION twin.open_of(chosen text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT AS $$
SELECT format('SELECT id, grid_code, area_code, data_grade, occurred_at, due_at FROM (%s) AS r
    WHERE onemap.event_is_open(stage, closed_at)', chosen)
$$;

CREATE OR REPLACE FUNCTION twin.follow_events() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, pg_temp AS $$
DECLARE
    everything text := 'SELECT 1 AS d, r.* FROM layer.events AS r';
BEGIN
    IF EXISTS (SELECT FROM pg_trigger WHERE tgrelid = 'layer.events'::regclass AND tgname = 'counted_inserted') THEN
        RETURN NULL;
    END IF;
    EXECUTE 'CREATE TRIGGER counted_inserted AFTER INSERT ON layer.events REFERENCING NEW TABLE AS new_rows
        FOR EACH STATEMENT EXECUTE FUNCTION twin.count_events()';
    EXECUTE 'CREATE TRIGGER counted_updated AFTER UPDATE ON layer.events REFERENCING OLD TABLE AS old_rows
        NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION twin.count_events()';
    EXECUTE 'CREATE TRIGGER counted_deleted AFTER DELETE ON layer.events REFERENCING OLD TABLE AS old_rows
        FOR EACH STATEMENT EXECUTE FUNCTION twin.count_events()';
    EXECUTE 'CREATE TRIGGER counted_all AFTER TRUNCATE ON layer.events
        FOR EACH STATEMENT EXECUTE FUNCTION twin.count_events()';
    DELETE FROM event_5min;
    DELETE FROM event_day;
    DELETE FROM event_open;
    EXECUTE event_statement(everything, '5 minutes', 'event_5min');
    EXECUTE event_statement(everything, '1 day', 'event_day');
    EXECUTE format('INSERT INTO event_open %s', open_of(everything));
    RETURN NULL;
END
$$;

GRANT ALL ON twin.event_open TO onemap_owner;
GRANT SELECT ON twin.event_open TO onemap_read;
REVOKE INSERT, UPDATE, DELETE ON twin.event_open FROM onemap_ingest;

-- Count an existing collection anew: its triggers go, and come back with the next declaration.
DO $$
BEGIN
    IF to_regclass('layer.events') IS NOT NULL THEN
        DROP TRIGGER IF EXISTS counted_inserted ON layer.events;
        DROP TRIGGER IF EXISTS counted_updated ON layer.events;
        DROP TRIGGER IF EXISTS counted_deleted ON layer.events;
        DROP TRIGGER IF EXISTS counted_all ON layer.events;
    END IF;
END
$$;
UPDATE onemap.layer SET definition = definition
WHERE id = 'events';
