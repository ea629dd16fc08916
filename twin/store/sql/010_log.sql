-- The change log: frames of changes, numbered without a gap in the order of commits.

-- Write a frame of `number` changes as the last act of a transaction, in one round trip, and return its first number.
-- The lock is held to the commit and every other writer waits for it. Each statement of the function sees what was
-- committed before it: first the lock, then the newest number.
CREATE OR REPLACE FUNCTION twin.append_changes(number bigint, frame bytea) RETURNS bigint
LANGUAGE plpgsql VOLATILE SET search_path = twin, pg_temp AS $$
DECLARE
    newest bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(440107); -- AdvisoryLock.CHANGE_LOG
    SELECT coalesce(max(last_seq), 0) INTO newest FROM change;
    INSERT INTO change (first_seq, last_seq, changes) VALUES (newest + 1, newest + number, frame);
    PERFORM pg_notify(onemap.channel('change'), (newest + number)::text);
    RETURN newest + 1;
END
$$;
