-- What the counters of every feed said in the last hour: how fast it goes follows from two of them.
CREATE TABLE twin.feed_sample (
    feed text NOT NULL,
    at timestamptz NOT NULL DEFAULT now(),
    received bigint NOT NULL,
    accepted bigint NOT NULL,
    rejected bigint NOT NULL,
    PRIMARY KEY (feed, at)
);

GRANT ALL ON twin.feed_sample TO onemap_owner;
GRANT SELECT, INSERT, UPDATE, DELETE ON twin.feed_sample TO onemap_ingest;
GRANT SELECT ON twin.feed_sample TO onemap_read;

-- Which reasons wait for somebody to look, by feed, without reading the messages.
CREATE INDEX refused_reasons ON twin.refused (feed, reason) WHERE replayed_at IS NULL AND discarded_at IS NULL;
