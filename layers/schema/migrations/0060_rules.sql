-- What rules remember, and what they have decided but not said yet.

-- Alarms by rule and device, cases by event, events that may become a cluster. A row that is not there is calm.
CREATE TABLE twin.rule_state (
    rule text NOT NULL,
    subject text COLLATE "C" NOT NULL,
    state jsonb NOT NULL,
    wakes_at timestamptz,                           -- when time alone brings something about
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (rule, subject)
) WITH (fillfactor = 50);
CREATE INDEX rule_state_wakes ON twin.rule_state (wakes_at) WHERE wakes_at IS NOT NULL;

-- Messages that were decided in one transaction with the state, and are offered to the pipeline after it: whoever is
-- killed between the two says them again, with the same identities.
CREATE TABLE twin.rule_outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    message jsonb NOT NULL,
    fault text,                                     -- why nobody could take it; it is kept for a person to look at
    decided_at timestamptz NOT NULL DEFAULT now()
);

GRANT ALL ON twin.rule_state, twin.rule_outbox TO onemap_owner;
GRANT ALL ON ALL SEQUENCES IN SCHEMA twin TO onemap_owner;
GRANT SELECT, INSERT, UPDATE, DELETE ON twin.rule_state, twin.rule_outbox TO onemap_ingest;
GRANT SELECT ON twin.rule_state, twin.rule_outbox TO onemap_read;
