-- Code lists as rows: what a code means, by which edition of which standard, and in which colour it is drawn.
CREATE TABLE onemap.code_list_title (
    list_id text PRIMARY KEY,
    title_zh text NOT NULL,
    title_en text NOT NULL,
    confidence text NOT NULL
);

CREATE TABLE onemap.code_list (
    list_id text NOT NULL REFERENCES onemap.code_list_title (list_id),
    code text COLLATE "C" NOT NULL,
    label_zh text NOT NULL,
    label_en text NOT NULL,
    parent_code text,
    valid_from date NOT NULL DEFAULT current_date,
    valid_to date,                                  -- set when a list no longer has the code; old rows keep its meaning
    standard text NOT NULL,
    standard_version text NOT NULL,
    color text,
    position smallint NOT NULL,                     -- order within the list
    PRIMARY KEY (list_id, code)
);

GRANT SELECT ON onemap.code_list_title, onemap.code_list TO onemap_read, onemap_ingest;
