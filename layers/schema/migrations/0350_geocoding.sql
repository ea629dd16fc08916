-- What was tried to find the places of events that came without one: each waits for a person, or a person gave it up.
-- The address is kept as a hash, by which another one is known: the text stays with the event alone.
CREATE TABLE twin.geocoding (
    event_id text PRIMARY KEY,
    address_md5 text NOT NULL,
    verdict text CHECK (verdict IN ('unique', 'ambiguous', 'none', 'outside')), -- NULL: nobody searched
    confidence real,                                                -- of the likeliest address
    library bigint NOT NULL DEFAULT 0,                              -- version of the address library that was searched
    tried_at timestamptz,
    refusal text CHECK (refusal IN ('no_place', 'unclear', 'elsewhere', 'duplicate')),
    refused_by text,
    refused_at timestamptz
);
GRANT SELECT, INSERT, UPDATE, DELETE ON twin.geocoding TO onemap_ingest, onemap_owner;
GRANT SELECT ON twin.geocoding TO onemap_read;
