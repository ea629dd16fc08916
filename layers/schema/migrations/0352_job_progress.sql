-- How far a job is, as its work tells it; `message` says what it does while it runs, and why it failed.
ALTER TABLE onemap.process_job ADD COLUMN percent smallint CHECK (percent BETWEEN 0 AND 99);
