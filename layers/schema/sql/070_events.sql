-- Stages of events.

-- Whether an event still waits for somebody to act.
CREATE OR REPLACE FUNCTION onemap.event_is_open(stage text, closed_at timestamptz) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$SELECT $2 IS NULL AND ($1 IS NULL OR $1 NOT IN ('closed', 'evaluate', 'merged', 'voided'))$$;

-- The beginning of a moment's day in Beijing time.
CREATE OR REPLACE FUNCTION onemap.day_of(moment timestamptz) RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE
AS $$SELECT date_trunc('day', $1, 'Asia/Shanghai')$$;

-- The stage of an event at a moment, when its file holds only the times of its steps.
CREATE OR REPLACE FUNCTION onemap.stage_at(
    moment timestamptz, stage text, accepted_at timestamptz, dispatched_at timestamptz, handled_at timestamptz,
    verified_at timestamptz, closed_at timestamptz
) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
SELECT CASE
    WHEN $7 IS NULL AND coalesce($6, $5, $4, $3) IS NULL THEN $2
    WHEN coalesce($7, $6, $5, $4, $3) <= $1 THEN $2
    WHEN $6 <= $1 THEN 'verify'
    WHEN $5 <= $1 THEN 'feedback'
    WHEN $4 <= $1 THEN 'dispatch'
    WHEN $3 <= $1 THEN 'file'
    ELSE 'collect'
END
$$;
