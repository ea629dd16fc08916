-- What a transaction by hand or of a load changed in layers and has not told yet: it is told when the transaction ends
-- (layers/schema/sql/035_untold.sql). Both tables are empty for everybody else; the mark of the transaction keeps two
-- writers from waiting for each other.
DROP FUNCTION IF EXISTS onemap.note_regraded() CASCADE;
DROP FUNCTION IF EXISTS onemap.tell_regraded() CASCADE;
DROP FUNCTION IF EXISTS onemap.note_reloaded(text, regclass);
DROP FUNCTION IF EXISTS onemap.regraded_statement(text, text, text);
DROP TABLE IF EXISTS onemap.regraded;

CREATE UNLOGGED TABLE onemap.untold_layer (
    xact xid8 NOT NULL DEFAULT pg_current_xact_id(),
    layer text NOT NULL,
    number bigint NOT NULL DEFAULT 0,        -- of rows that statements touched
    grade smallint NOT NULL,                 -- the lowest of them, before or after; 5 for nobody's
    is_whole boolean NOT NULL DEFAULT false, -- told as one notice of the whole layer
    PRIMARY KEY (xact, layer)
);
CREATE UNLOGGED TABLE onemap.untold_row (
    xact xid8 NOT NULL DEFAULT pg_current_xact_id(),
    layer text NOT NULL,
    id text COLLATE "C" NOT NULL,
    was jsonb NOT NULL,                      -- as onemap.state_expression has it
    PRIMARY KEY (xact, layer, id)
);
GRANT ALL ON onemap.untold_layer, onemap.untold_row TO onemap_owner;
