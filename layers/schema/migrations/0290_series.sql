-- The roll-up of observations is read as series: it keeps the newest value of each five minutes, how many values were
-- flagged, and how many rows were seen (`n` counts each time once: of several rows of one time the newest version
-- counts). All that history still holds is computed anew; until then readers compute it themselves.
ALTER TABLE twin.observation_5min
ADD COLUMN last double precision,
ADD COLUMN flagged bigint,
ADD COLUMN seen bigint;
UPDATE twin.observation_closed SET computed = '1970-01-01T00:00:00Z';
