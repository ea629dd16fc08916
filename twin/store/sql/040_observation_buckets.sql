-- Observations in buckets of five minutes.

-- For a writer of observations: the moment until which buckets are closed, and stay so until the end of the
-- transaction. Each statement of the function sees what was committed before it: first the lock, then the moment.
CREATE OR REPLACE FUNCTION twin.closed_until() RETURNS timestamptz
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(440110); -- AdvisoryLock.FIVE_MINUTES
    RETURN (SELECT closed FROM twin.observation_closed);
END
$$;
