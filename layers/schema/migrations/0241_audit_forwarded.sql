-- How far each chain of the audit was forwarded to a log server.
CREATE TABLE audit.forwarded (
    chain text PRIMARY KEY,
    seq bigint NOT NULL
);
GRANT SELECT, INSERT, UPDATE ON audit.forwarded TO onemap_owner;
