-- New rows are told too (layers/schema/sql/035_untold.sql): of those there was nothing before.
ALTER TABLE onemap.untold_row ALTER COLUMN was DROP NOT NULL;
COMMENT ON COLUMN onemap.untold_row.was IS 'as onemap.state_expression has it; NULL where the row was not there';
