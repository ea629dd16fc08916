-- Versions of events.

-- An event's versions merged in their order: a later one overrides what it has, and what it lacks stays.
CREATE OR REPLACE AGGREGATE twin.laid_over(jsonb) (SFUNC = jsonb_concat, STYPE = jsonb, INITCOND = '{}'); -- noqa
