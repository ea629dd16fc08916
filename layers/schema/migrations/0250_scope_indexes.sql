-- What the rules of a policy choose rows by: the data grade, and the area that a row lies in (layers/schema/tables.py,
-- which makes the same for layers that are new or changed).
DO $$
DECLARE
    one record;
    area text;
BEGIN
    FOR one IN
        SELECT t.relname AS id, array_agg(a.attname::text) AS columns
        FROM pg_catalog.pg_class AS t INNER JOIN pg_catalog.pg_attribute AS a ON t.oid = a.attrelid
        WHERE t.relnamespace = 'layer'::regnamespace AND t.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped
        GROUP BY t.relname
    LOOP
        IF 'data_grade' = ANY (one.columns) THEN
            EXECUTE format('CREATE INDEX IF NOT EXISTS %I ON layer.%I (data_grade)',
                left(one.id, 30) || '_data_grade_idx', one.id);
        END IF;
        area := CASE
            WHEN one.columns @> ARRAY['area_code', 'grid_code']
                THEN $sql$coalesce(nullif(area_code, ''), left(grid_code, 12))$sql$
            WHEN 'area_code' = ANY (one.columns) THEN 'area_code'
            WHEN 'grid_code' = ANY (one.columns) THEN 'left(grid_code, 12)'
        END;
        IF area IS NOT NULL THEN
            EXECUTE format('CREATE INDEX IF NOT EXISTS %I ON layer.%I ((%s COLLATE "C"))',
                left(one.id, 30) || '_lies_in_idx', one.id, area);
        END IF;
    END LOOP;
END
$$;
