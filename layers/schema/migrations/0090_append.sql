-- Write a frame of the log, as the last act of a transaction, in one round trip: everybody else waits while it lasts.
-- Each statement of the function sees what was committed before it: the lock first, then the newest number.
CREATE FUNCTION twin.append_changes(number bigint, frame bytea) RETURNS bigint
LANGUAGE plpgsql VOLATILE SET search_path = twin, pg_temp AS $$
DECLARE
    newest bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(440107);
    SELECT coalesce(max(last_seq), 0) INTO newest FROM change;
    INSERT INTO change (first_seq, last_seq, changes) VALUES (newest + 1, newest + number, frame);
    PERFORM pg_notify('onemap_change', (newest + number)::text);
    RETURN newest + 1;
END
$$;
