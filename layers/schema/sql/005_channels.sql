-- Channels of notifications. PostgreSQL lets every role listen to a channel of which it knows the name, so each name
-- ends with a word of the database that our roles alone can read.

-- The name of a channel: layer, catalogue, identity, change, note.
CREATE OR REPLACE FUNCTION onemap.channel(name text) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
SELECT 'onemap_' || name || '_' || w.word FROM onemap.channel_word AS w
$$;
REVOKE ALL ON FUNCTION onemap.channel FROM public;
GRANT EXECUTE ON FUNCTION onemap.channel TO onemap_owner, onemap_ingest, onemap_read, onemap_identity;
