-- Changes of grades that wait for the end of their transaction, which writes them into the log
-- (layers/schema/sql/035_regraded.sql). It is empty for everybody else.
CREATE TABLE onemap.regraded (
    id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    number bigint NOT NULL,               -- of changes in the frame
    frame bytea NOT NULL
);
GRANT ALL ON onemap.regraded TO onemap_owner;
