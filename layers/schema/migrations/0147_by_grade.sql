-- Number, extent and time span of a layer's rows by their data grade: whoever is told of them is told of the rows that
-- may be seen. Filled at the next load or start (layers/tables.py).
ALTER TABLE onemap.layer ADD COLUMN by_grade jsonb NOT NULL DEFAULT '{}';
