"""The table of a layer, made from its definition, and the layer's statistics in the catalogue."""

from __future__ import annotations

from pathlib import Path

import asyncpg

from layers.clause import quote_identifier, quote_literal
from layers.database.connection import Role, connected
from layers.definition import GRADE, FieldDefinition, FieldType, LayerDefinition, read_code_lists, read_definitions
from layers.live_source import EVENTS
from layers.schema.cell_counts import cell_count_statements
from layers.schema.code_lists import sync_code_lists
from layers.schema.event_indexes import INDEXES
from layers.tiers import AREA_CODE, GRID_CODE, lying_in

SCHEMA = "layer"
PAST = "past"
ADDRESSES = "addresses"
"""The layer of standard addresses."""
KNOWN_SINCE = "_known_since timestamptz NOT NULL DEFAULT now()"
SRID = 4490

COLUMN_TYPES: dict[FieldType, str] = {
    "string": "text",
    "integer": "bigint",
    "number": "double precision",
    "boolean": "boolean",
    "date": "date",
    "datetime": "timestamptz",
    "string_array": "text[]",
    "json": "jsonb",
}


def table_of(layer_id: str) -> str:
    """Return the quoted, schema-qualified table of a layer.

    Examples
    --------
    >>> table_of("grids")
    '"layer"."grids"'
    """
    return f"{quote_identifier(SCHEMA)}.{quote_identifier(layer_id)}"


def past_of(layer_id: str) -> str:
    """Return the quoted table of a layer's past: its replaced and deleted rows."""
    return f"{quote_identifier(PAST)}.{quote_identifier(layer_id)}"


def keeps_past(layer_id: str) -> bool:
    """Whether replaced rows of a layer are kept; the past of events is read from the messages of feeds."""
    return layer_id != EVENTS


async def sync_definitions(url: str, own: Path | None = None) -> list[str]:
    """Make the tables of all definition files, and write the definitions and code lists into the catalogue.

    Parameters
    ----------
    own
        A district's own folder of definitions, with code lists in `codes`; it may be missing. A layer whose file is
        gone stays, with its rows, as an undeclared layer.

    Returns
    -------
    list of str
        Ids of the layers whose definition was new or changed.

    Raises
    ------
    BadInput
        When a file is not a valid definition or code list; nothing is changed then.
    Unavailable
        When the database cannot be reached.
    """
    definitions, lists = read_definitions(own=own), read_code_lists(own=own and own / "codes")
    async with connected(url, Role.OWNER) as connection:
        stored = await _stored(connection)
        declared = [_keep_origin(d, stored.get(d.id)) for d in definitions.values()]
        changed = [d for d in declared if stored.get(d.id) != d]
        for definition in changed:
            await create_layer(connection, definition, declared=True)
        await connection.execute(
            "UPDATE onemap.layer SET declared = false WHERE declared AND id <> ALL ($1)", [*definitions]
        )
        await sync_code_lists(connection, lists)
        await _fill_statistics(connection)
        return [d.id for d in changed]


async def _stored(connection: asyncpg.Connection) -> dict[str, LayerDefinition | None]:
    rows = await connection.fetch("SELECT id, definition FROM onemap.layer")
    return {row["id"]: parse_definition(row["definition"]) for row in rows}


def _keep_origin(definition: LayerDefinition, stored: LayerDefinition | None) -> LayerDefinition:
    """Return the definition with the stored origin of the rows, which the last load set and not the file."""
    if stored is None:
        return definition
    origin = {name: getattr(stored, name) for name in ("synthetic", "source", "attribution")}
    return definition.model_copy(update=origin)


def parse_definition(text: str) -> LayerDefinition | None:
    """Read a definition from the catalogue; `None` when an older version of OneMap wrote it in another form."""
    try:
        return LayerDefinition.model_validate_json(text)
    except ValueError:
        return None


async def create_layer(
    connection: asyncpg.Connection, definition: LayerDefinition, *, declared: bool | None = None
) -> None:
    """Make a layer's table, indexes and catalogue row, or add what an existing table lacks. Idempotent.

    Parameters
    ----------
    connection
        In the owner's role; joins a transaction that is already open.
    definition
        The definition to store.
    declared
        Whether a definition file declares the layer; None keeps the catalogue's value, else False.
    """
    async with connection.transaction():
        for statement in _statements(definition):
            await connection.execute(statement)
        await connection.execute(
            """INSERT INTO onemap.layer AS l (id, definition, declared) VALUES ($1, $2::jsonb, coalesce($3, false))
            ON CONFLICT (id) DO UPDATE SET definition = excluded.definition,
            declared = coalesce($3, l.declared), version = excluded.version, changed_at = clock_timestamp()""",
            definition.id,
            definition.model_dump_json(),
            declared,
        )
        for statement in cell_count_statements(definition, table_of(definition.id)):
            await connection.execute(statement)


async def drop_layer(connection: asyncpg.Connection, layer_id: str) -> None:
    """Remove a layer, its rows, their past and its catalogue entry; do nothing when there is none."""
    async with connection.transaction():
        await connection.execute(f"DROP TABLE IF EXISTS {table_of(layer_id)}, {past_of(layer_id)}")
        await connection.execute("DELETE FROM onemap.layer WHERE id = $1", layer_id)


async def note_anew(connection: asyncpg.Connection, layer_id: str) -> None:
    """Let streams be told once that a layer is written as a whole, and not of its rows; before and after it is."""
    await connection.execute("SELECT onemap.note_anew($1)", layer_id)


async def refresh_statistics(connection: asyncpg.Connection, definition: LayerDefinition) -> None:
    """Write a layer's row count, extent and time span into the catalogue, and analyse its table; needed after a load.

    The statistics are also kept by data grade, because a caller receives only those of the rows that it may see.
    """
    table = table_of(definition.id)
    extent = "NULL::geometry" if definition.geometry_type == "None" else "ST_SetSRID(ST_Extent(geom)::geometry, 4490)"
    grade = "data_grade" if "data_grade" in definition.by_name else f"{definition.grade}::smallint"
    time = quote_identifier(definition.time) if definition.time else "NULL"
    await connection.execute(f"ANALYZE {table}")
    await connection.execute(
        f"""WITH graded AS MATERIALIZED (
            SELECT {grade} AS grade, count(*) AS number, ST_Envelope(ST_Buffer({extent}, 1e-7)) AS extent,
                min({time})::timestamptz AS time_from, max({time})::timestamptz AS time_to
            FROM {table} GROUP BY 1
        )
        UPDATE onemap.layer SET (row_count, lowest_grade, extent, time_from, time_to, by_grade) = (
            SELECT coalesce(sum(number), 0), {"min(grade)" if grade == "data_grade" else grade},
                ST_SetSRID(ST_Extent(extent)::geometry, {SRID}), min(time_from), max(time_to),
                coalesce(jsonb_object_agg(grade, jsonb_build_object('rows', number, 'extent', onemap.sides(extent),
                    'from', time_from, 'to', time_to)), '{{}}')
            FROM graded)
        WHERE id = $1""",
        definition.id,
    )


async def _fill_statistics(connection: asyncpg.Connection) -> None:
    """Write the statistics of layers that an older version counted without their grades."""
    waiting = await connection.fetch(
        """SELECT definition FROM onemap.layer
        WHERE row_count > 0 AND by_grade = '{}' AND to_regclass(format('%I.%I', $1::text, id)) IS NOT NULL""",
        SCHEMA,
    )
    for row in waiting:
        definition = parse_definition(row["definition"])
        if definition is not None:
            await refresh_statistics(connection, definition)


def _statements(definition: LayerDefinition) -> list[str]:
    table = table_of(definition.id)
    geometry = [] if definition.geometry_type == "None" else [f"geom geometry({definition.geometry_type}, {SRID})"]
    columns = [
        'id text COLLATE "C" PRIMARY KEY',
        *geometry,
        *(_column(definition, f) for f in definition.stored_fields),
        KNOWN_SINCE,
    ]
    added = [*geometry, *(_column(definition, f) for f in definition.stored_fields), KNOWN_SINCE]
    graded = "'graded'" if GRADE in definition.by_name else ""
    return [
        f"CREATE TABLE IF NOT EXISTS {table} ({', '.join(columns)})",
        f"ALTER TABLE {table} {', '.join(f'ADD COLUMN IF NOT EXISTS {c}' for c in added)}" if added else "SELECT 1",
        *_indexes(definition),
        *_triggers(table, "touch", f"touch_layer({graded})"),
        *(_triggers(table, "touched", "note_changed_area()") if geometry else []),  # fires after `touch_…`, by name
        *_triggers(table, "untold", f"note_untold({graded})"),
        *(_past(definition, added[:-1]) if keeps_past(definition.id) else []),
        f"GRANT SELECT ON {table} TO onemap_read",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO onemap_ingest",
        f"COMMENT ON TABLE {table} IS {quote_literal(f'{definition.title_zh} {definition.title_en}')}",
    ]


def _triggers(table: str, names: str, call: str) -> list[str]:
    """Return triggers that call a function with the rows of every writing statement: PostgreSQL needs one by operation.

    Their names are `names` with the operation behind; there is always one of TRUNCATE.
    """
    transition = {"INSERT": "NEW TABLE AS new_rows", "DELETE": "OLD TABLE AS old_rows"}
    transition["UPDATE"] = f"{transition['DELETE']} {transition['INSERT']}"
    rows = [f"{operation} ON {table} REFERENCING {transition[operation]}" for operation in transition]
    return [
        f"""CREATE OR REPLACE TRIGGER {names}_{on.split(maxsplit=1)[0].lower()} AFTER {on}
        FOR EACH STATEMENT EXECUTE FUNCTION onemap.{call}"""
        for on in (*rows, f"TRUNCATE ON {table}")
    ]


def _past(definition: LayerDefinition, columns: list[str]) -> list[str]:
    """Return the statements that make the table of a layer's past and the triggers that fill it."""
    table, past = table_of(definition.id), past_of(definition.id)
    known = ["_known_from timestamptz NOT NULL", "_known_to timestamptz NOT NULL"]
    old = f"ON {table} REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION onemap.keep_past()"
    index, old_ones = (quote_identifier(f"{definition.id[:40]}_{what}_idx") for what in ("past", "old"))
    loose = [column.replace(" NOT NULL", "") for column in columns]
    return [
        f'CREATE TABLE IF NOT EXISTS {past} (id text COLLATE "C" NOT NULL, {", ".join([*loose, *known])})',
        f"ALTER TABLE {past} {', '.join(f'ADD COLUMN IF NOT EXISTS {column}' for column in loose)}",
        f"CREATE INDEX IF NOT EXISTS {index} ON {past} (id, _known_to)",
        f"CREATE INDEX IF NOT EXISTS {old_ones} ON {past} USING brin (_known_to)",
        f"CREATE OR REPLACE TRIGGER keep_past_updated AFTER UPDATE {old}",
        f"CREATE OR REPLACE TRIGGER keep_past_deleted AFTER DELETE {old}",
        f"""CREATE OR REPLACE TRIGGER keep_past_all BEFORE TRUNCATE ON {table}
        FOR EACH STATEMENT EXECUTE FUNCTION onemap.keep_past()""",
        f"GRANT SELECT ON {past} TO onemap_read, onemap_ingest",
    ]


def _column(definition: LayerDefinition, field: FieldDefinition) -> str:
    if field.name == "data_grade":  # a row's own grade decides who sees it; without one, the layer's
        return f"data_grade smallint NOT NULL DEFAULT {definition.grade}"
    return f"{quote_identifier(field.name)} {COLUMN_TYPES[field.type]}"


_INDEXED = ("grid_code", "area_code")  # every query for one grid and every area scope filters by them


_OF_LAYERS = {
    EVENTS: INDEXES,
    ADDRESSES: {"road": "(road_name)", "grams": "USING gin (onemap.bigrams(address))"},
}
"""Indexes of single layers, by name; an address is found by its road, or by two characters that follow each other."""


def _indexes(definition: LayerDefinition) -> list[str]:
    table = table_of(definition.id)
    columns = [c for c in (*_INDEXED, definition.time) if c and c in definition.by_name]
    plain = [
        f"CREATE INDEX IF NOT EXISTS {quote_identifier(_index(definition.id, c))} ON {table} ({quote_identifier(c)})"
        for c in dict.fromkeys(columns)
    ]
    plain += [
        f"CREATE INDEX IF NOT EXISTS {quote_identifier(_index(definition.id, name))} ON {table} ({what})"
        for name, what in _scope_columns(definition).items()
    ]
    plain += [
        f"CREATE INDEX IF NOT EXISTS {quote_identifier(_index(definition.id, name))} ON {table} {what}"
        for name, what in _OF_LAYERS.get(definition.id, {}).items()
    ]
    if definition.geometry_type == "None":
        return plain
    return [
        f"CREATE INDEX IF NOT EXISTS {quote_identifier(_index(definition.id, 'geom'))} ON {table} USING gist (geom)",
        *plain,
    ]


def _scope_columns(definition: LayerDefinition) -> dict[str, str]:
    """Return what rights choose rows by, by the name of its index (`layers.read.scope`)."""
    area, grid = (name if name in definition.by_name else None for name in (AREA_CODE, GRID_CODE))
    grades = {GRADE: GRADE} if GRADE in definition.by_name else {}
    return grades | ({"lies_in": lying_in(area, grid)} if area or grid else {})


def _index(layer_id: str, column: str) -> str:
    return f"{layer_id[:30]}_{column[:30]}_idx"
