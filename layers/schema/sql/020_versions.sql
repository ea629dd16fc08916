-- Versions of layers. A layer's `version` moves when its table is written; a version beside it, in onemap.live, moves
-- when the state changes that is joined on reading. The last version is also kept by the lowest data grade that a
-- statement touched: a reader of grades up to 2 sees the newer of the first two, and so learns nothing of changes in
-- rows that are hidden from it (docs/decisions/versions-by-clearance.md).

-- Move the version of a layer's live state. It has a row of its own, so that feeds never wait for a load that holds
-- the layer's row. An unknown layer is ignored.
CREATE OR REPLACE FUNCTION onemap.touch(layer_id text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = onemap, pg_temp AS $$
DECLARE
    now_is record;
BEGIN
    INSERT INTO onemap.live (layer, version, changed_at)
    SELECT id, nextval('onemap.layer_version'), clock_timestamp() FROM onemap.layer WHERE id = layer_id
    ON CONFLICT (layer) DO UPDATE SET version = excluded.version, changed_at = excluded.changed_at
    RETURNING version, extract(epoch FROM changed_at) AS epoch_s INTO now_is;
    IF FOUND THEN
        PERFORM pg_notify(onemap.channel('layer'), format('%s:0:%s:%s', layer_id, now_is.epoch_s, now_is.version));
    END IF;
END
$$;
REVOKE EXECUTE ON FUNCTION onemap.touch FROM public;
GRANT EXECUTE ON FUNCTION onemap.touch TO onemap_owner, onemap_ingest;

-- Move a layer's version after a statement that wrote its table; called by the triggers touch_… of each layer's table
-- (layers/schema/tables.py). The notification is sent at commit. The argument `graded` says that rows have grades of
-- their own; without it every reader of the layer sees all rows, so the version counts as grade 1. A statement that
-- touched no row counts as grade 4. Areas count events, so a write of `events` also moves their live state.
CREATE OR REPLACE FUNCTION onemap.touch_layer() RETURNS trigger
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = onemap, pg_temp AS $$
DECLARE
    lowest smallint := 1;
    next_version bigint;
    moment CONSTANT timestamptz := clock_timestamp();
BEGIN
    IF tg_nargs > 0 AND tg_argv[0] = 'graded' THEN
        IF tg_op = 'INSERT' THEN
            SELECT min(data_grade) INTO lowest FROM new_rows;
        ELSIF tg_op = 'DELETE' THEN
            SELECT min(data_grade) INTO lowest FROM old_rows;
        ELSIF tg_op = 'UPDATE' THEN
            SELECT least((SELECT min(data_grade) FROM old_rows), (SELECT min(data_grade) FROM new_rows)) INTO lowest;
        END IF;
        lowest := least(greatest(coalesce(lowest, 4), 1), 4);
    END IF;
    IF tg_nargs > 0 AND tg_op IN ('INSERT', 'UPDATE') AND EXISTS (
        SELECT FROM onemap.layer AS l
        WHERE l.id = tg_table_name AND lowest < coalesce(l.lowest_grade, (l.definition ->> 'grade')::smallint)
    ) THEN -- who sees that grade sees the layer from now on; statistics would tell so only after the next load
        UPDATE onemap.layer SET lowest_grade = lowest WHERE id = tg_table_name;
    END IF;
    PERFORM FROM onemap.layer WHERE id = tg_table_name FOR NO KEY UPDATE; -- versions follow the order of commits
    next_version := nextval('onemap.layer_version');
    UPDATE onemap.layer SET
        version = next_version,
        changed_at = moment,
        grade_versions[lowest] = next_version,
        grade_changed_at[lowest] = moment
    WHERE id = tg_table_name;
    PERFORM pg_notify(
        onemap.channel('layer'), format('%s:%s:%s:0:%s', tg_table_name, next_version, extract(epoch FROM moment), lowest)
    );
    IF tg_table_name = 'events' THEN
        PERFORM onemap.touch(area) FROM unnest(ARRAY[
            'communities', 'districts', 'grids', 'streets', 'urban_villages'
        ]) AS area;
    END IF;
    RETURN NULL;
END
$$;

-- A new definition, like a new layer, is a change for every reader of the layer, whatever grades it sees.
CREATE OR REPLACE FUNCTION onemap.tell_everybody() RETURNS trigger
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    IF tg_op = 'INSERT' OR new.grade_versions IS NULL OR new.definition IS DISTINCT FROM old.definition THEN
        new.grade_versions = array_fill(new.version, ARRAY[4]);
        new.grade_changed_at = array_fill(new.changed_at, ARRAY[4]);
    END IF;
    RETURN new;
END
$$;

CREATE OR REPLACE TRIGGER tell_everybody BEFORE INSERT OR UPDATE OF definition ON onemap.layer
FOR EACH ROW EXECUTE FUNCTION onemap.tell_everybody();
