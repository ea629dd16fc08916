-- The key of pseudonyms, as HMAC uses it: XORed with its inner and its outer constant (RFC 2104). No role may read it:
-- onemap.pseudonym (layers/schema/sql/095_pseudonyms.sql) uses it.
CREATE TABLE onemap.pseudonym_key (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    inner_key bytea NOT NULL CHECK (length(inner_key) = 64),
    outer_key bytea NOT NULL CHECK (length(outer_key) = 64)
);
COMMENT ON TABLE onemap.pseudonym_key IS 'The secret of pseudonyms: 32 random bytes, made once';
INSERT INTO onemap.pseudonym_key (inner_key, outer_key)
SELECT
    string_agg(set_byte('\x00', 0, (b.byte | 54) - (b.byte & 54)), ''::bytea ORDER BY b.place) AS inner_key,
    string_agg(set_byte('\x00', 0, (b.byte | 92) - (b.byte & 92)), ''::bytea ORDER BY b.place) AS outer_key
FROM (
    SELECT
        sha256(convert_to(gen_random_uuid()::text || gen_random_uuid()::text, 'UTF8'))
        || decode(repeat('00', 32), 'hex') AS key
) AS k
CROSS JOIN LATERAL (
    SELECT
        n AS place,
        get_byte(k.key, n) AS byte
    FROM generate_series(0, 63) AS n
) AS b;
REVOKE ALL ON onemap.pseudonym_key FROM public, onemap_read, onemap_ingest;
