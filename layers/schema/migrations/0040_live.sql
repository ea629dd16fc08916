-- Live state in the collections. A layer's `version` moves when its table is written; a version beside it moves when
-- the state changes that is joined when it is read. It has rows of its own, so that feeds never wait for a load that
-- holds a layer. Whoever keeps a copy of the table needs the first alone; `table_version` is another name of it.
CREATE TABLE onemap.live (
    layer text PRIMARY KEY,
    version bigint NOT NULL,
    changed_at timestamptz NOT NULL
) WITH (fillfactor = 50);
GRANT SELECT ON onemap.live TO onemap_read, onemap_ingest;

ALTER TABLE onemap.layer DROP COLUMN IF EXISTS table_version;
ALTER TABLE onemap.layer ADD COLUMN table_version bigint GENERATED ALWAYS AS (version) STORED;

CREATE OR REPLACE FUNCTION onemap.touch(layer_id text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = onemap, pg_temp AS $$
DECLARE
    now_is record;
BEGIN
    INSERT INTO onemap.live (layer, version, changed_at)
    SELECT id, nextval('onemap.layer_version'), clock_timestamp() FROM onemap.layer WHERE id = layer_id
    ON CONFLICT (layer) DO UPDATE SET version = excluded.version, changed_at = excluded.changed_at
    RETURNING version, extract(epoch FROM changed_at) AS epoch_s INTO now_is;
    IF FOUND THEN
        PERFORM pg_notify('onemap_layer', format('%s:0:%s:%s', layer_id, now_is.epoch_s, now_is.version));
    END IF;
END
$$;

-- As before, and what counts events follows them.
CREATE OR REPLACE FUNCTION onemap.touch_layer() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = onemap, pg_temp AS $$
DECLARE
    now_is record;
BEGIN
    UPDATE onemap.layer SET version = nextval('onemap.layer_version'), changed_at = clock_timestamp()
    WHERE id = tg_table_name RETURNING version, extract(epoch FROM changed_at) AS epoch_s INTO now_is;
    PERFORM pg_notify('onemap_layer', format('%s:%s:%s', tg_table_name, now_is.version, now_is.epoch_s));
    IF tg_table_name = 'events' THEN
        PERFORM onemap.touch(area) FROM unnest(ARRAY[
            'communities', 'districts', 'grids', 'streets', 'urban_villages'
        ]) AS area;
    END IF;
    RETURN NULL;
END
$$;

-- Whether an event still waits for something to be done.
CREATE FUNCTION onemap.event_is_open(stage text, closed_at timestamptz) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$SELECT $2 IS NULL AND ($1 IS NULL OR $1 NOT IN ('closed', 'evaluate', 'merged', 'voided'))$$;

-- When the day of a moment began, in Beijing time.
CREATE FUNCTION onemap.day_of(moment timestamptz) RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE
AS $$SELECT date_trunc('day', $1, 'Asia/Shanghai')$$;
