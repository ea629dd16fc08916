-- The catalogue: which layers exist, their definitions, versions and statistics.
CREATE EXTENSION IF NOT EXISTS postgis;

DO $$
DECLARE
    name text;
BEGIN
    -- Roles belong to the whole server: another database of OneMap may have made them already.
    FOREACH name IN ARRAY ARRAY['onemap_owner', 'onemap_ingest', 'onemap_read'] LOOP
        IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = name) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', name);
            EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
            END;
        END IF;
        IF NOT pg_has_role(current_user, name, 'MEMBER') THEN
            EXECUTE format('GRANT %I TO %I', name, current_user);
        END IF;
    END LOOP;
    EXECUTE format('GRANT CREATE, TEMPORARY ON DATABASE %I TO onemap_owner', current_database());
    EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO onemap_ingest', current_database());
END
$$;

CREATE SCHEMA IF NOT EXISTS layer;
GRANT ALL ON SCHEMA onemap, layer TO onemap_owner;
GRANT USAGE ON SCHEMA onemap, layer TO onemap_ingest, onemap_read;

CREATE TABLE onemap.setting (
    name text PRIMARY KEY,
    value jsonb NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT now()
);

-- One sequence for the versions of all layers: a layer that is dropped and made again never goes back to an old number.
CREATE SEQUENCE onemap.layer_version;

CREATE TABLE onemap.layer (
    id text PRIMARY KEY,
    definition jsonb NOT NULL,
    declared boolean NOT NULL,                      -- by a definition file, not inferred from a loaded file
    version bigint NOT NULL DEFAULT nextval('onemap.layer_version'), -- grows with every statement that writes the table
    changed_at timestamptz NOT NULL DEFAULT now(),
    row_count bigint NOT NULL DEFAULT 0,            -- statistics below: as of the last load
    lowest_grade smallint,
    extent GEOMETRY (POLYGON, 4490),
    time_from timestamptz,
    time_to timestamptz
);

CREATE TABLE onemap.load (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    layer text NOT NULL,
    source text NOT NULL,
    mode text NOT NULL,
    read bigint NOT NULL DEFAULT 0,
    loaded bigint NOT NULL DEFAULT 0,
    repaired bigint NOT NULL DEFAULT 0,
    rejected bigint NOT NULL DEFAULT 0,
    started_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,
    summary jsonb
);

CREATE TABLE onemap.quarantine (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    load_id bigint REFERENCES onemap.load (id) ON DELETE SET NULL,
    layer text NOT NULL,
    source text NOT NULL,
    line bigint,
    reason text NOT NULL,
    detail text,
    record jsonb,
    created_at timestamptz NOT NULL DEFAULT now(),
    resolved_at timestamptz
);
CREATE INDEX quarantine_open ON onemap.quarantine (layer, id) WHERE resolved_at IS NULL;

-- Every statement that writes a layer's table moves its version; the wake-up is sent at commit, once a version.
CREATE FUNCTION onemap.touch_layer() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = onemap, pg_temp AS $$
DECLARE
    now_is record;
BEGIN
    UPDATE onemap.layer SET version = nextval('onemap.layer_version'), changed_at = clock_timestamp()
    WHERE id = tg_table_name RETURNING version, extract(epoch FROM changed_at) AS epoch_s INTO now_is;
    PERFORM pg_notify('onemap_layer', format('%s:%s:%s', tg_table_name, now_is.version, now_is.epoch_s));
    RETURN NULL;
END
$$;

CREATE FUNCTION onemap.announce_catalogue() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('onemap_catalogue', '');
    RETURN NULL;
END
$$;
CREATE TRIGGER announce AFTER INSERT OR DELETE OR UPDATE OF definition, row_count, extent, lowest_grade
ON onemap.layer FOR EACH STATEMENT EXECUTE FUNCTION onemap.announce_catalogue();

GRANT ALL ON ALL TABLES IN SCHEMA onemap TO onemap_owner;
GRANT ALL ON ALL SEQUENCES IN SCHEMA onemap TO onemap_owner;
GRANT SELECT ON onemap.setting, onemap.layer, onemap.migration TO onemap_read, onemap_ingest;
ALTER DEFAULT PRIVILEGES IN SCHEMA onemap GRANT ALL ON TABLES TO onemap_owner;
ALTER DEFAULT PRIVILEGES IN SCHEMA onemap GRANT ALL ON SEQUENCES TO onemap_owner;
