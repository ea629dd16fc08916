-- Of several observations of one time the newest version counts, whichever came first. NULL means version 1, and sent
-- when it was measured.
ALTER TABLE twin.observation ADD COLUMN source_version integer, ADD COLUMN sent_time timestamptz;
ALTER TABLE twin.observation_now ADD COLUMN source_version integer, ADD COLUMN sent_time timestamptz;
