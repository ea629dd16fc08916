-- Pseudonyms: names that are the same within a day of local time, and tell nothing across days.

-- The pseudonym of a value today: 64 bits of HMAC-SHA-256 over the day and the value.
CREATE OR REPLACE FUNCTION onemap.pseudonym(value text) RETURNS text
LANGUAGE sql STABLE STRICT SECURITY DEFINER SET search_path = pg_catalog
AS $$
SELECT 'p' || left(encode(sha256(k.outer_key || sha256(
    k.inner_key || convert_to((now() AT TIME ZONE 'Asia/Shanghai')::date::text || ' ' || value, 'UTF8')
)), 'hex'), 16)
FROM onemap.pseudonym_key AS k
$$;
COMMENT ON FUNCTION onemap.pseudonym(text) IS 'The pseudonym of a value, the same within a day';
REVOKE ALL ON FUNCTION onemap.pseudonym(text) FROM public;
GRANT EXECUTE ON FUNCTION onemap.pseudonym(text) TO onemap_read, onemap_ingest;
