-- Roll-ups of five minutes. Events by grid and class, counted by the statement that changes the collection, so that the
-- number is right at once and whatever comes late. The same by day (UTC), without the class, for long spans.
CREATE TABLE twin.event_5min (
    bucket timestamptz NOT NULL,                    -- where it begins; -infinity for events without a time
    grid_code text COLLATE "C" NOT NULL,            -- '' where there is none, as in the next two
    area_code text COLLATE "C" NOT NULL,
    event_class text COLLATE "C" NOT NULL,
    data_grade smallint NOT NULL,
    n bigint NOT NULL,
    PRIMARY KEY (bucket, grid_code, area_code, event_class, data_grade)
);
CREATE TABLE twin.event_day (
    bucket timestamptz NOT NULL,
    grid_code text COLLATE "C" NOT NULL,
    area_code text COLLATE "C" NOT NULL,
    data_grade smallint NOT NULL,
    n bigint NOT NULL,
    PRIMARY KEY (bucket, grid_code, area_code, data_grade)
);

CREATE FUNCTION twin.bucket(moment timestamptz, width interval) RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
SELECT CASE WHEN isfinite($1) THEN date_bin($2, $1, '2000-01-01T00:00:00Z') ELSE '-infinity' END
$$;

CREATE FUNCTION twin.count_events() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, pg_temp AS $$
DECLARE
    changed text := concat_ws(' UNION ALL ',
        CASE WHEN tg_op <> 'DELETE' THEN 'SELECT 1 AS d, r.* FROM new_rows AS r' END,
        CASE WHEN tg_op <> 'INSERT' THEN 'SELECT -1 AS d, r.* FROM old_rows AS r' END);
BEGIN
    IF tg_op = 'TRUNCATE' THEN
        DELETE FROM event_5min;
        DELETE FROM event_day;
        RETURN NULL;
    END IF;
    EXECUTE event_statement(changed, '5 minutes', 'event_5min');
    EXECUTE event_statement(changed, '1 day', 'event_day');
    RETURN NULL;
END
$$;

CREATE FUNCTION twin.event_statement(changed text, width text, roll_up text) RETURNS text
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

-- Count the collection anew, and from then on with every change. A table that is made anew comes here again.
CREATE FUNCTION twin.follow_events() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, pg_temp AS $$
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
    EXECUTE event_statement('SELECT 1 AS d, r.* FROM layer.events AS r', '5 minutes', 'event_5min');
    EXECUTE event_statement('SELECT 1 AS d, r.* FROM layer.events AS r', '1 day', 'event_day');
    RETURN NULL;
END
$$;
CREATE TRIGGER follow_events AFTER INSERT OR UPDATE OF definition ON onemap.layer
FOR EACH ROW WHEN (new.id = 'events') EXECUTE FUNCTION twin.follow_events();

-- Observations by device and property: how many, their sum, the lowest and the highest.
CREATE TABLE twin.observation_5min (
    id text COLLATE "C" NOT NULL,
    property text NOT NULL,
    bucket timestamptz NOT NULL,
    n bigint NOT NULL,
    total double precision NOT NULL,
    low double precision NOT NULL,
    high double precision NOT NULL,
    PRIMARY KEY (id, property, bucket)
);

-- History comes in the order of time, nearly: a few pages tell where five minutes of it lie.
CREATE INDEX observation_time ON twin.observation USING brin (phenomenon_time)
WITH (pages_per_range = 64, autosummarize = on);

-- Until when buckets are closed (what comes for them now is late), and until when they have been computed.
CREATE TABLE twin.observation_closed (
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    closed timestamptz NOT NULL DEFAULT '1970-01-01T00:00:00Z',
    computed timestamptz NOT NULL DEFAULT '1970-01-01T00:00:00Z'
);
INSERT INTO twin.observation_closed DEFAULT VALUES;

-- Closed buckets that something came for, to be computed again.
CREATE TABLE twin.observation_late (
    id text COLLATE "C" NOT NULL,
    property text NOT NULL,
    bucket timestamptz NOT NULL,
    PRIMARY KEY (id, property, bucket)
);

-- For whoever writes observations: until when buckets are closed, and stay so until the end of the transaction.
-- Each statement of the function sees what was committed before it: the lock first, then the moment.
CREATE FUNCTION twin.closed_until() RETURNS timestamptz
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(440110);
    RETURN (SELECT closed FROM twin.observation_closed);
END
$$;

GRANT ALL ON ALL TABLES IN SCHEMA twin TO onemap_owner;
GRANT SELECT, INSERT, UPDATE, DELETE ON twin.observation_5min, twin.observation_closed, twin.observation_late
TO onemap_ingest;
GRANT SELECT ON twin.event_5min, twin.event_day, twin.observation_5min, twin.observation_closed,
twin.observation_late TO onemap_read;
REVOKE INSERT, UPDATE, DELETE ON twin.event_5min, twin.event_day FROM onemap_ingest;
UPDATE onemap.layer SET definition = definition
WHERE id = 'events';
