-- Search in addresses: Chinese has no spaces between words, so two characters that follow each other take their place.
-- (pg_trgm makes no trigrams of Chinese in a database whose character type is C.)
CREATE OR REPLACE FUNCTION onemap.bigrams(phrase text)
RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT array_agg(DISTINCT substr(phrase, n, 2)) FROM generate_series(1, greatest(length(phrase) - 1, 1)) AS n
$$;
