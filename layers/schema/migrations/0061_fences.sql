-- Moving things and fences: who is inside now, and every entry, exit, stay and passage there was.

-- One row for each mover and fence it is, or may be, inside of; outside there is none.
CREATE TABLE twin.fence_stay (
    fence text NOT NULL,                            -- name of the set
    mover text COLLATE "C" NOT NULL,
    area_id text COLLATE "C" NOT NULL,
    phase text NOT NULL,                            -- entering, inside, leaving
    since timestamptz NOT NULL,
    counts_from timestamptz NOT NULL,
    fixes integer NOT NULL,
    left_at timestamptz,
    dwelt boolean NOT NULL,
    seen_at timestamptz NOT NULL,                   -- the mover's last position that was looked at
    PRIMARY KEY (fence, mover, area_id)
) WITH (fillfactor = 50);

CREATE TABLE twin.fence_transition (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    fence text NOT NULL,
    action text NOT NULL,                           -- enter, exit, dwell, cross
    at timestamptz NOT NULL,                        -- when it came to be so
    since timestamptz NOT NULL,                     -- since when the mover was inside
    layer text NOT NULL,
    mover text COLLATE "C" NOT NULL,
    area_layer text NOT NULL,
    area_id text COLLATE "C" NOT NULL,
    area_name text,
    lon double precision,
    lat double precision,
    grid_code text,
    area_code text,
    grade smallint NOT NULL,                        -- the stricter of the mover's and the fence's
    decided_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX fence_transition_time ON twin.fence_transition (at);
CREATE INDEX fence_transition_mover ON twin.fence_transition (layer, mover, at);
CREATE INDEX fence_transition_area ON twin.fence_transition (area_layer, area_id, at);

GRANT ALL ON twin.fence_stay, twin.fence_transition TO onemap_owner;
GRANT ALL ON ALL SEQUENCES IN SCHEMA twin TO onemap_owner;
GRANT SELECT, INSERT, UPDATE, DELETE ON twin.fence_stay, twin.fence_transition TO onemap_ingest;
GRANT SELECT ON twin.fence_stay, twin.fence_transition TO onemap_read;
