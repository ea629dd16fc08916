-- Events counted by grid, area and class, in buckets of five minutes and of a day (UTC), and the open events one by
-- one. The statement that changes the collection also changes the counts, so that late events count at once.

-- The beginning of the bucket of a moment; -infinity for an event without a time.
CREATE OR REPLACE FUNCTION twin.bucket(moment timestamptz, width interval) RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
SELECT CASE WHEN isfinite($1) THEN date_bin($2, $1, '2000-01-01T00:00:00Z') ELSE '-infinity' END
$$;

-- The statement that adds the rows of a query to a roll-up. `changed` yields events with d = 1 for a new row and -1 for
-- an old one. Days leave the class out.
CREATE OR REPLACE FUNCTION twin.event_statement(changed text, width text, roll_up text) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
SELECT format($statement$
    INSERT INTO twin.%1$I AS kept (bucket, grid_code, area_code, %2$s data_grade, n)
    SELECT twin.bucket(occurred_at, %3$L), coalesce(grid_code, ''), coalesce(area_code, ''), %4$s data_grade, sum(d)
    FROM (%5$s) AS changed GROUP BY 1, 2, 3, 4 %6$s HAVING sum(d) <> 0 ORDER BY 1, 2, 3, 4 %6$s
    ON CONFLICT (bucket, grid_code, area_code, %2$s data_grade) DO UPDATE SET n = kept.n + excluded.n
$statement$, roll_up, CASE roll_up WHEN 'event_5min' THEN 'event_class,' ELSE '' END, width,
    CASE roll_up WHEN 'event_5min' THEN 'coalesce(event_class, ''''),' ELSE '' END, changed,
    CASE roll_up WHEN 'event_5min' THEN ', 5' ELSE '' END)
$$;

-- The query of the open events among the rows of a query; NULL for NULL.
CREATE OR REPLACE FUNCTION twin.open_of(chosen text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT AS $$
SELECT format('SELECT id, grid_code, area_code, data_grade, occurred_at, due_at FROM (%s) AS r
    WHERE onemap.event_is_open(stage, closed_at)', chosen)
$$;

-- Bring the counts up to date after a statement; called by the triggers counted_… of layer.events.
CREATE OR REPLACE FUNCTION twin.count_events() RETURNS trigger
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = twin, pg_temp AS $$
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

-- Count the collection anew, and from then on with every change, unless its triggers are there already: a table that
-- is made anew has none.
CREATE OR REPLACE FUNCTION twin.follow_events() RETURNS trigger
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = twin, pg_temp AS $$
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

CREATE OR REPLACE TRIGGER follow_events AFTER INSERT OR UPDATE OF definition ON onemap.layer
FOR EACH ROW WHEN (new.id = 'events') EXECUTE FUNCTION twin.follow_events();
