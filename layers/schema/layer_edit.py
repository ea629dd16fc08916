"""Changes of layers that were made from a file: titles, map hints, grade, code lists, id, and removal.

A layer that a definition file declares is edited in that file, which is read at every start.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import asyncpg
from pydantic import ValidationError

from layers.clause import quote_identifier
from layers.definition import IDENTIFIER, FieldDefinition, LayerDefinition
from layers.errors import BadInput, Conflict, NotFound
from layers.schema.code_lists import read_stored_code_lists
from layers.schema.tables import create_layer, drop_layer, parse_definition, past_of, refresh_statistics, table_of

_NAMES_A_LAYER = """
SELECT format('%I.%I', n.nspname, c.relname) AS name
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace JOIN pg_attribute AS a ON a.attrelid = c.oid
WHERE n.nspname IN ('onemap', 'twin') AND c.relkind IN ('r', 'p') AND NOT c.relispartition
    AND a.attname = 'layer' AND NOT a.attisdropped AND c.relname NOT IN ('changed_area', 'cell')
"""  # rows of changed_area and cell belong to the catalogue's row and are made anew with it


@dataclass(frozen=True, slots=True)
class LayerEdit:
    """New values of a layer's definition; None leaves a value as it is.

    Attributes
    ----------
    hints
        Fields of `layers.definition.MapHints`: `group_zh`, `color`, `icon`, `visible`, `label` …
    grade
        Data grade 1 to 4 for the layer and for every row with a grade of its own.
    codes
        Code list by field; the map shows the field's values with the list's labels. An empty text removes a list.
    """

    title_zh: str | None = None
    title_en: str | None = None
    hints: Mapping[str, Any] = field(default_factory=dict)
    grade: int | None = None
    codes: Mapping[str, str] = field(default_factory=dict)


async def edit_layer(connection: asyncpg.Connection, layer_id: str, edit: LayerEdit) -> LayerDefinition:
    """Change a layer's definition in the catalogue and return the new one; every process takes it over at once.

    Raises
    ------
    NotFound
        When there is no such layer.
    Conflict
        When a definition file declares it.
    BadInput
        When a field, code list or value is not allowed.
    """
    async with connection.transaction():
        definition = await _editable(connection, layer_id)
        changed = _edited(definition, edit, await read_stored_code_lists(connection))
        await create_layer(connection, changed)
        if edit.grade is not None and "data_grade" in changed.by_name:
            await connection.execute(
                f"UPDATE {table_of(layer_id)} SET data_grade = $1 WHERE data_grade <> $1", edit.grade
            )
        await refresh_statistics(connection, changed)
    return changed


async def rename_layer(connection: asyncpg.Connection, layer_id: str, new_id: str) -> None:
    """Give a layer another id: its rows, their past, its quarantine and the data of its feeds go with it.

    Raises
    ------
    NotFound, Conflict
        As `edit_layer`; also when the new id is taken.
    BadInput
        When the new id is not an identifier.
    """
    if not re.fullmatch(IDENTIFIER, new_id):
        raise BadInput(f"'{new_id[:80]}' is no id; a-z, 0-9 and _ are allowed, a letter first", parameter="layer")
    async with connection.transaction():
        definition = await _editable(connection, layer_id)
        if await connection.fetchval("SELECT to_regclass($1) IS NOT NULL", table_of(new_id)):
            raise Conflict(f"there is a layer '{new_id}' already", parameter="layer")
        for table in (table_of(layer_id), past_of(layer_id)):
            await connection.execute(f"ALTER TABLE IF EXISTS {table} RENAME TO {quote_identifier(new_id)}")
        await _rename_indexes(connection, layer_id, new_id)
        for row in await connection.fetch(_NAMES_A_LAYER):
            await connection.execute(f"UPDATE {row['name']} SET layer = $2 WHERE layer = $1", layer_id, new_id)
        await connection.execute("DELETE FROM onemap.layer WHERE id = $1", layer_id)
        renamed = definition.model_copy(update={"id": new_id})
        await create_layer(connection, renamed)
        await refresh_statistics(connection, renamed)


async def count_layer(connection: asyncpg.Connection, layer_id: str) -> tuple[int, int]:
    """Return the number of a layer's rows and of its rows of the past.

    Raises
    ------
    NotFound, Conflict
        As `edit_layer`.
    """
    await _editable(connection, layer_id)
    rows = await connection.fetchval(f"SELECT count(*) FROM {table_of(layer_id)}")
    kept = await connection.fetchval("SELECT to_regclass($1) IS NOT NULL", past_of(layer_id))
    past = await connection.fetchval(f"SELECT count(*) FROM {past_of(layer_id)}") if kept else 0
    return rows, past


async def remove_layer(connection: asyncpg.Connection, layer_id: str) -> None:
    """Remove a layer with its rows and their past.

    Raises
    ------
    NotFound, Conflict
        As `edit_layer`.
    """
    async with connection.transaction():
        await _editable(connection, layer_id)
        await drop_layer(connection, layer_id)


async def _editable(connection: asyncpg.Connection, layer_id: str) -> LayerDefinition:
    row = await connection.fetchrow("SELECT definition, declared FROM onemap.layer WHERE id = $1 FOR UPDATE", layer_id)
    if row is None:
        raise NotFound(f"there is no layer '{layer_id[:80]}'; ./onemap layers lists them", parameter="layer")
    definition = parse_definition(row["definition"])
    if row["declared"] or definition is None:
        raise Conflict(
            f"the layer '{layer_id}' is declared by a definition file; edit that file, it is read at every start",
            parameter="layer",
        )
    return definition


def _edited(definition: LayerDefinition, edit: LayerEdit, lists: Collection[str]) -> LayerDefinition:
    fields = [_with_codes(field, edit.codes, lists) for field in definition.fields]
    unknown = sorted(set(edit.codes) - {field.name for field in fields})
    if unknown:
        allowed = ", ".join(field.name for field in fields)
        raise BadInput(f"'{unknown[0]}' is no field of {definition.id}; it has {allowed}", parameter="code_list")
    values = {"title_zh": edit.title_zh, "title_en": edit.title_en, "grade": edit.grade}
    changed = definition.model_dump() | {name: value for name, value in values.items() if value is not None}
    changed["fields"] = [field.model_dump() for field in fields]
    changed["map"] = {**changed["map"], **edit.hints}
    try:
        return LayerDefinition.model_validate(changed)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BadInput(f"{where}: {first['msg']}; given '{first['input']}'", parameter=where or "layer") from error


def _with_codes(field: FieldDefinition, codes: Mapping[str, str], lists: Collection[str]) -> FieldDefinition:
    if field.name not in codes:
        return field
    named = codes[field.name] or None
    if named is not None and named not in lists:
        raise BadInput(f"there is no code list '{named}'; there are {', '.join(sorted(lists))}", parameter="code_list")
    if named is not None and field.type != "string":
        raise BadInput(f"{field.name} is of type {field.type}; codes are texts", parameter="code_list")
    return field.model_copy(update={"codes": named})


async def _rename_indexes(connection: asyncpg.Connection, layer_id: str, new_id: str) -> None:
    """Name the indexes after the new id; otherwise `create_layer` would make each a second time."""
    tables = [table_of(new_id), past_of(new_id)]
    for row in await connection.fetch(
        """SELECT n.nspname, i.relname FROM pg_index AS x JOIN pg_class AS i ON i.oid = x.indexrelid
        JOIN pg_namespace AS n ON n.oid = i.relnamespace
        WHERE x.indrelid = ANY (SELECT to_regclass(name) FROM unnest($1::text[]) AS name)""",
        tables,
    ):
        name = row["relname"]
        begins = next((layer_id[:length] for length in (40, 30) if name.startswith(layer_id[:length] + "_")), None)
        if begins is not None:
            new = new_id[: 40 if name.endswith(("_past_idx", "_old_idx")) else 30] + name[len(begins) :]
            await connection.execute(
                f"ALTER INDEX {quote_identifier(row['nspname'])}.{quote_identifier(name)} "
                f"RENAME TO {quote_identifier(new)}"
            )
