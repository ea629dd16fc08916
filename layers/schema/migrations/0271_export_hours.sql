-- What each subject took of each layer within an hour, for all web workers (layers/schema/sql/105_export_hours.sql).
-- Not logged: after a crash hours begin anew, and a read costs no write to the disk.
CREATE UNLOGGED TABLE identity.export_hour (
    subject text NOT NULL,
    layer text NOT NULL,
    began timestamptz NOT NULL,
    features bigint NOT NULL,
    PRIMARY KEY (subject, layer)
);
CREATE INDEX export_hour_by_age ON identity.export_hour (began);
CREATE UNLOGGED TABLE identity.export_request (
    subject text NOT NULL,
    layer text NOT NULL,
    request bytea NOT NULL CHECK (octet_length(request) = 16),          -- of its address
    features bigint NOT NULL,
    PRIMARY KEY (subject, layer, request),
    FOREIGN KEY (subject, layer) REFERENCES identity.export_hour ON DELETE CASCADE
);
GRANT ALL ON identity.export_hour, identity.export_request TO onemap_owner;
