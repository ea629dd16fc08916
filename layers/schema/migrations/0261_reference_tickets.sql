-- Tickets for references into other systems: each is exchanged once, within minutes, by the subject that received it.
-- Web workers reach them by the functions of layers/schema/sql/103_reference_tickets.sql alone.
CREATE TABLE identity.reference_ticket (
    digest bytea PRIMARY KEY CHECK (octet_length(digest) = 32),     -- SHA-256 of the random text in the address
    subject text NOT NULL,
    layer text NOT NULL,
    feature text NOT NULL,
    field text NOT NULL,
    position integer,                                               -- in a list, from 0; NULL: the field is no list
    expires_at timestamptz NOT NULL
);
CREATE INDEX reference_ticket_by_end ON identity.reference_ticket (expires_at);
GRANT ALL ON identity.reference_ticket TO onemap_owner;
