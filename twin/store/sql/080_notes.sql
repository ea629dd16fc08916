-- A note of a leader is told to every worker at once: what it is about, and no word of it. What is removed is told
-- without a name; whoever shows notes reads them again.
CREATE OR REPLACE FUNCTION twin.tell_note() RETURNS trigger
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        PERFORM pg_notify(onemap.channel('note'), '');
    ELSE
        PERFORM pg_notify(onemap.channel('note'), NEW.layer || '/' || NEW.feature_id);
    END IF;
    RETURN NULL;
END
$$;
CREATE OR REPLACE TRIGGER told AFTER INSERT ON twin.note FOR EACH ROW EXECUTE FUNCTION twin.tell_note();
CREATE OR REPLACE TRIGGER told_removed AFTER DELETE ON twin.note FOR EACH STATEMENT EXECUTE FUNCTION twin.tell_note();
