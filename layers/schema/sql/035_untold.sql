-- What is changed by hand or by a load reaches streams, late readers and outlets: rows that are made, changed or
-- deleted are changes of the log like any other, with what was before, so that what a reader may see no more is taken
-- off his map. Feeds tell the log themselves, and say so by the setting onemap.tells_log (twin/log/changes.py).
--
-- Statements note the state that a row had before the transaction; its end compares that with the state it has then.
-- So nobody hears of what was undone, or of what was only so meanwhile. A transaction that touches more than 5000
-- rows of a layer ends in one notice of the whole layer, whose readers read it anew.

-- The expression of a row's state over an alias: its grade, its columns by which rules may choose, without those that
-- are joined on reading, its box, and a digest of its shape.
CREATE OR REPLACE FUNCTION onemap.state_expression(layer_id text, alias text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
WITH known AS (
    SELECT a.attname AS name, a.atttypid AS kind FROM pg_attribute AS a
    WHERE a.attrelid = format('layer.%I', layer_id)::regclass AND a.attnum > 0 AND NOT a.attisdropped
), defined AS (
    SELECT
        coalesce((l.definition ->> 'grade')::smallint, 4) AS grade,
        ARRAY(
            SELECT f ->> 'name' FROM jsonb_array_elements(l.definition -> 'fields') AS f
            WHERE jsonb_typeof(f -> 'live') = 'object'
        ) AS live
    FROM onemap.layer AS l WHERE l.id = layer_id
)
SELECT format(
    $sql$jsonb_build_object('grade', %s, 'row', (SELECT to_jsonb(s) FROM (SELECT %s) AS s), %s)$sql$,
    CASE WHEN EXISTS (SELECT FROM known WHERE name = 'data_grade') THEN format('%I.data_grade', alias)
    ELSE coalesce((SELECT grade FROM defined), 4)::text END,
    (
        SELECT string_agg(format('%I.%I', alias, k.name), ', ') FROM known AS k
        WHERE k.name NOT IN ('id', 'geom', '_known_since') AND k.kind <> 'jsonb'::regtype
            AND k.name <> ALL (coalesce((SELECT live FROM defined), '{}'))
    ),
    CASE WHEN EXISTS (SELECT FROM known WHERE name = 'geom') THEN format(
        $sql$'box', onemap.sides(%1$I.geom), 'shape', encode(sha256(%1$I.geom::bytea), 'hex')$sql$, alias
    ) ELSE '''box'', NULL' END
)
$$;

-- Note that a transaction writes a layer as a whole. `lowest` is the lowest grade of the rows before or after it; 5
-- when there are none, neither before nor after, so that there is nobody to tell.
CREATE OR REPLACE FUNCTION onemap.note_whole(layer_id text, lowest smallint) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = onemap, pg_temp AS $$
DELETE FROM untold_row WHERE xact = pg_current_xact_id() AND layer = layer_id;
INSERT INTO untold_layer AS u (layer, grade, is_whole) VALUES (layer_id, lowest, true)
ON CONFLICT (xact, layer) DO UPDATE SET
    is_whole = true,
    grade = least(u.grade, excluded.grade);
$$;

-- The same with the grades of the rows that the layer has now: a load that writes all calls it before and after.
CREATE OR REPLACE FUNCTION onemap.note_anew(layer_id text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = onemap, pg_temp AS $$
DECLARE
    lowest smallint;
BEGIN
    EXECUTE format(
        CASE WHEN EXISTS (
            SELECT FROM pg_attribute AS a WHERE a.attrelid = format('layer.%I', layer_id)::regclass
                AND a.attname = 'data_grade' AND NOT a.attisdropped
        ) THEN 'SELECT min(data_grade) FROM layer.%I' ELSE 'SELECT 1 FROM layer.%I LIMIT 1' END, layer_id
    ) INTO lowest;
    PERFORM note_whole(layer_id, coalesce(lowest, 5::smallint));
END
$$;

REVOKE EXECUTE ON FUNCTION onemap.note_whole, onemap.note_anew FROM public;
GRANT EXECUTE ON FUNCTION onemap.note_whole, onemap.note_anew TO onemap_owner, onemap_ingest;

-- Note what a statement made, changed or deleted; called by the triggers untold_… of each layer's table, which fire
-- after touch_… by the order of names, so that two writers lock in one order. The argument `graded` says that rows have
-- grades of their own; without it every reader of the layer sees all rows.
CREATE OR REPLACE FUNCTION onemap.note_untold() RETURNS trigger
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = onemap, public, pg_temp AS $$
DECLARE
    most CONSTANT int := 5000;
    touched bigint;
    lowest smallint := 1;
    known untold_layer;
BEGIN
    IF current_setting('onemap.tells_log', true) = 'on' THEN
        RETURN NULL;
    ELSIF tg_op = 'TRUNCATE' THEN
        PERFORM note_whole(tg_table_name, lowest);
        RETURN NULL;
    END IF;
    -- What the transaction itself made is noted already.
    IF tg_op = 'INSERT' THEN
        SELECT count(*) INTO touched FROM (SELECT FROM new_rows LIMIT most + 1) AS n;
    ELSE
        SELECT count(*) INTO touched FROM (SELECT FROM old_rows WHERE _known_since <> now() LIMIT most + 1) AS o;
    END IF;
    IF touched = 0 THEN
        RETURN NULL;
    END IF;
    IF tg_nargs > 0 AND tg_op = 'UPDATE' THEN
        SELECT least((SELECT min(data_grade) FROM old_rows), (SELECT min(data_grade) FROM new_rows)) INTO lowest;
    ELSIF tg_nargs > 0 AND tg_op = 'INSERT' THEN
        SELECT min(data_grade) INTO lowest FROM new_rows;
    ELSIF tg_nargs > 0 THEN
        SELECT min(data_grade) INTO lowest FROM old_rows;
    END IF;
    SELECT * INTO known FROM untold_layer WHERE xact = pg_current_xact_id() AND layer = tg_table_name;
    IF known.is_whole AND known.grade <= lowest THEN -- nothing new, in a million statements neither
        RETURN NULL;
    END IF;
    INSERT INTO untold_layer AS u (layer, number, grade) VALUES (tg_table_name, touched, lowest)
    ON CONFLICT (xact, layer) DO UPDATE SET
        number = u.number + excluded.number,
        grade = least(u.grade, excluded.grade)
    RETURNING * INTO known;
    IF known.is_whole THEN
        RETURN NULL;
    ELSIF known.number > most THEN
        PERFORM note_whole(tg_table_name, lowest);
        RETURN NULL;
    ELSIF tg_op = 'INSERT' THEN
        INSERT INTO untold_row (layer, id) SELECT tg_table_name, n.id FROM new_rows AS n
        ON CONFLICT (xact, layer, id) DO NOTHING;
        RETURN NULL;
    END IF;
    EXECUTE format(
        'INSERT INTO untold_row (layer, id, was) SELECT %L, o.id, %s FROM old_rows AS o %s
        WHERE o._known_since <> now() %s ON CONFLICT (xact, layer, id) DO NOTHING',
        tg_table_name, state_expression(tg_table_name, 'o'),
        CASE tg_op WHEN 'UPDATE' THEN 'LEFT JOIN new_rows AS r ON r.id = o.id' ELSE '' END,
        CASE tg_op WHEN 'UPDATE' THEN 'AND o IS DISTINCT FROM r' ELSE '' END
    );
    RETURN NULL;
END
$$;

-- The change of the log (twin/log/change.py) of a row that had a state and has another, NULL for none. `moving` has the
-- labels and the place of the newest position of what moves, by which those are judged who see positions; the others by
-- the labels of its row, which are then in `stored`. It is called for each row: it has no settings of its own, and
-- calls no function of ours.
CREATE OR REPLACE FUNCTION onemap.untold_change(
    layer_id text, feature_id text, was jsonb, now_is jsonb, moving jsonb
) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    newest CONSTANT jsonb := coalesce(now_is, was);
    labels CONSTANT jsonb := jsonb_build_object(
        'area_code', newest #> '{row,area_code}', 'grid_code', newest #> '{row,grid_code}'
    );
    former CONSTANT jsonb := jsonb_build_object(
        'area_code', was #> '{row,area_code}', 'grid_code', was #> '{row,grid_code}'
    );
    change jsonb := jsonb_build_object(
        'kind', 'feature',
        'operation', CASE WHEN now_is IS NULL THEN 'delete' WHEN was IS NULL THEN 'create' ELSE 'update' END,
        'layer', layer_id, 'id', feature_id, 'grade', newest -> 'grade', 'row', newest -> 'row'
    );
    before jsonb := '{}';
BEGIN
    IF was IS NOT NULL AND now_is IS NOT NULL THEN
        SELECT coalesce(jsonb_object_agg(m.key, m.value), '{}') INTO before FROM jsonb_each(was -> 'row') AS m
        WHERE m.value IS DISTINCT FROM now_is -> 'row' -> m.key;
        IF was -> 'grade' <> now_is -> 'grade' THEN
            before := before || jsonb_build_object('grade', was -> 'grade');
        END IF;
    END IF;
    IF moving IS NOT NULL THEN
        change := change || moving || jsonb_build_object('stored', labels);
        before := before - '{area_code,grid_code}'::text[];
        IF now_is IS NOT NULL AND former <> labels THEN
            before := before || jsonb_build_object('stored', former);
        END IF;
    ELSE
        change := change || labels || jsonb_build_object('old', was -> 'box', 'new', now_is -> 'box');
        IF jsonb_typeof(newest -> 'box') = 'array' THEN
            change := change || jsonb_build_object(
                'lon', ((newest #>> '{box,0}')::float8 + (newest #>> '{box,2}')::float8) / 2,
                'lat', ((newest #>> '{box,1}')::float8 + (newest #>> '{box,3}')::float8) / 2
            );
        END IF;
        IF now_is IS NOT NULL AND jsonb_typeof(was -> 'box') = 'array' AND was -> 'box' <> now_is -> 'box' THEN
            before := before || jsonb_build_object(
                'lon', ((was #>> '{box,0}')::float8 + (was #>> '{box,2}')::float8) / 2,
                'lat', ((was #>> '{box,1}')::float8 + (was #>> '{box,3}')::float8) / 2
            );
        END IF;
    END IF;
    IF was IS NULL THEN
        RETURN change || '{"before": null}';
    END IF;
    RETURN change || CASE WHEN before = '{}' THEN '{}' ELSE jsonb_build_object('before', before) END;
END
$$;

-- The statement that returns the frames of what this transaction has not told of a layer, at most 1000 changes each.
CREATE OR REPLACE FUNCTION onemap.untold_frames(layer_id text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT format(
    $sql$SELECT count(*) AS number, convert_to(jsonb_agg(c.change ORDER BY c.id)::text, 'UTF8') AS frame
    FROM (
        SELECT u.id, onemap.untold_change(%1$L, u.id, u.was, n.state, m.moving) AS change,
            (row_number() OVER (ORDER BY u.id) - 1) / 1000 AS part
        FROM onemap.untold_row AS u
        LEFT JOIN layer.%1$I AS r ON r.id = u.id
        LEFT JOIN twin.position_now AS p ON p.layer = %1$L AND p.id = u.id
        CROSS JOIN LATERAL (SELECT CASE WHEN r.id IS NOT NULL THEN %2$s END AS state) AS n
        CROSS JOIN LATERAL (SELECT CASE WHEN p.id IS NOT NULL THEN jsonb_build_object(
            'area_code', p.area_code, 'grid_code', p.grid_code, 'lon', p.lon, 'lat', p.lat) END AS moving) AS m
        WHERE u.xact = pg_current_xact_id() AND u.layer = %1$L AND u.was IS DISTINCT FROM n.state
    ) AS c
    GROUP BY c.part ORDER BY c.part$sql$,
    layer_id, onemap.state_expression(layer_id, 'r')
)
$$;

-- Write what is noted of a layer into the log as the last act of its transaction: the lock of the log is held to the
-- commit, and a load that held it from the beginning would stop every feed.
CREATE OR REPLACE FUNCTION onemap.tell_untold() RETURNS trigger
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = onemap, public, pg_temp AS $$
DECLARE
    known untold_layer;
    part record;
BEGIN
    DELETE FROM untold_layer WHERE xact = new.xact AND layer = new.layer RETURNING * INTO known;
    IF to_regclass(format('layer.%I', new.layer)) IS NOT NULL THEN -- else nobody reads the layer any more
        IF known.is_whole AND known.grade <= 4 THEN
            PERFORM twin.append_changes(1, convert_to(jsonb_build_array(jsonb_build_object(
                'kind', 'layer', 'layer', known.layer, 'id', '*', 'grade', known.grade))::text, 'UTF8'));
        ELSIF NOT known.is_whole THEN
            FOR part IN EXECUTE untold_frames(new.layer) LOOP
                PERFORM twin.append_changes(part.number, part.frame);
            END LOOP;
        END IF;
    END IF;
    DELETE FROM untold_row WHERE xact = new.xact AND layer = new.layer;
    RETURN NULL;
END
$$;

DROP TRIGGER IF EXISTS tell ON onemap.untold_layer;
CREATE CONSTRAINT TRIGGER tell AFTER INSERT ON onemap.untold_layer DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW EXECUTE FUNCTION onemap.tell_untold();

-- Tables of an earlier version have no such triggers yet (layers/schema/tables.py makes them with a new table).
DO $$
DECLARE
    kept record;
    at text;
BEGIN
    FOR kept IN
        SELECT t.oid::regclass AS name, CASE WHEN EXISTS (
            SELECT FROM pg_catalog.pg_attribute AS a
            WHERE a.attrelid = t.oid AND a.attname = 'data_grade' AND NOT a.attisdropped
        ) THEN '''graded''' ELSE '' END AS graded
        FROM pg_catalog.pg_class AS t INNER JOIN onemap.layer AS l ON l.id = t.relname
        WHERE t.relnamespace = 'layer'::regnamespace AND t.relkind = 'r'
    LOOP
        FOREACH at IN ARRAY ARRAY[
            'insert:REFERENCING NEW TABLE AS new_rows', 'update:REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows',
            'delete:REFERENCING OLD TABLE AS old_rows', 'truncate:'
        ] LOOP
            EXECUTE format(
                'CREATE OR REPLACE TRIGGER untold_%1$s AFTER %1$s ON %2$s %3$s
                FOR EACH STATEMENT EXECUTE FUNCTION onemap.note_untold(%4$s)',
                split_part(at, ':', 1), kept.name, split_part(at, ':', 2), kept.graded
            );
        END LOOP;
    END LOOP;
END
$$;
