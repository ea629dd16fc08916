"""Which column of a source goes into which field of a layer, and which one names the feature."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from layers.conversion.convert import texts
from layers.definition import GRADE, FieldDefinition, LayerDefinition
from layers.errors import BadInput
from layers.loaders.batch import Batch
from layers.loaders.column_names import common_names
from layers.loaders.columns import DECLARABLE

QUARANTINE_COLUMNS = ("_quarantine_id", "_line", "_reason", "_detail")
_ID_NAMES = ("id", "唯一标识", "标识码", "osm_id")  # what names a feature in any file; a `code` may be its category


@dataclass(frozen=True, slots=True)
class FieldMap:
    """Columns of a source and what they become.

    Attributes
    ----------
    columns
        Field name to column name.
    id_column
        The column that names the feature; None when ids are to be made from the content.
    ignored
        Columns that go nowhere.
    """

    columns: dict[str, str]
    id_column: str | None
    ignored: tuple[str, ...] = ()


def match_columns(
    definition: LayerDefinition, columns: Sequence[str], declared: Mapping[str, str], id_column: str | None
) -> FieldMap:
    """Match a source's columns with a layer's fields: as declared, else by name or title in either language.

    Parameters
    ----------
    definition
        The layer.
    columns
        What the source has, without the columns of its geometry.
    declared
        Field to column, as the user said; `id` may be among them, and the names of coordinates.
    id_column
        What `find_id_column` found.

    Raises
    ------
    BadInput
        When a declared field or column does not exist; the message names those that do.
    """
    declared = {f: c for f, c in declared.items() if f not in DECLARABLE or f in definition.by_name}
    stored = definition.stored_fields
    check_declared(declared, columns, (*(field.name for field in stored), "id"))
    matched = {f: c for f, c in declared.items() if f != "id"}
    free = [c for c in columns if c not in QUARANTINE_COLUMNS and c not in matched.values()]
    for names_of in _WAYS:  # all exact names before any that only resembles
        for field in stored:
            names = names_of(field, definition.id)
            column = next((c for name in names for c in free if name in {c, _plain(c)}), None)
            if field.name not in matched and column is not None:
                matched[field.name] = column
                free.remove(column)
    if definition.key and definition.key not in matched and id_column and _is_key(definition, declared):
        matched[definition.key] = id_column
    used = {*matched.values(), id_column, *QUARANTINE_COLUMNS}
    return FieldMap(matched, id_column, tuple(c for c in columns if c not in used))


def _is_key(definition: LayerDefinition, declared: Mapping[str, str]) -> bool:
    """Whether what names the features is the layer's key too: it must have one, or the user said what it is."""
    assert definition.key is not None  # noqa: S101  # match_columns has looked
    return definition.by_name[definition.key].required or "id" in declared


def missing_fields(definition: LayerDefinition, matched: FieldMap) -> list[FieldDefinition]:
    """Return the fields that every feature must have and that no column gives."""
    return [
        field
        for field in definition.stored_fields
        if field.required and field.derived is None and field.name != GRADE and field.name not in matched.columns
    ]


def check_declared(declared: Mapping[str, str], columns: Sequence[str], fields: Sequence[str] | None = None) -> None:
    """Refuse a mapping that names what is not there.

    Raises
    ------
    BadInput
        The message names the fields or columns there are.
    """
    for field, column in declared.items():
        if fields is not None and field not in fields:
            raise BadInput(f"the layer has no field '{field}'; it has {', '.join(fields)}", parameter="map")
        if column not in columns:
            raise BadInput(f"the file has no column '{column}'; it has {', '.join(columns)}", parameter="map")


def find_id_column(
    first: Batch, columns: Sequence[str], declared: Mapping[str, str], definition: LayerDefinition | None = None
) -> str | None:
    """Find the column that names the features: as declared, that of the layer's key, or one that can be nothing else.

    Parameters
    ----------
    first
        The first rows; a column that is guessed must be whole and without repetition in them.
    columns
        Those of the source that may be it.
    declared
        `id` in it is believed.
    definition
        The layer, where there is one.

    Returns
    -------
    str or None
        None where no column names the features.
    """
    if "id" in declared:
        return declared["id"]
    if definition is not None and definition.key is not None:
        column = match_columns(definition, columns, declared, None).columns.get(definition.key)
        if column and (definition.by_name[definition.key].required or _unique(first.columns.column(column))):
            return column
    for wanted in _ID_NAMES:
        named = sorted((c for c in columns if _plain(c) == wanted), key=lambda c: c != wanted)
        for column in named:
            if wanted == "id" or _unique(first.columns.column(column)):
                return column
    return None


def _unique(column: pa.Array) -> bool:
    text = texts(column)
    return text.null_count == 0 and len(text) > 0 and len(pc.unique(text)) == len(text)


def _as_kept(field: FieldDefinition, _: str) -> tuple[str, ...]:
    """Give the name of the column that a layer was made from: its field has it as its title in both languages."""
    return (field.title_zh,) if field.title_zh == field.title_en else ()


def _exactly(field: FieldDefinition, _: str) -> tuple[str, ...]:
    return (field.name, field.title_zh, field.title_en)


def _nearly(field: FieldDefinition, layer_id: str) -> tuple[str, ...]:
    return tuple(_plain(name) for name in (*_exactly(field, layer_id), *common_names(field.name, layer_id)))


_WAYS: tuple[Callable[[FieldDefinition, str], tuple[str, ...]], ...] = (_as_kept, _exactly, _nearly)


def _plain(name: str) -> str:
    return name.strip().lower().replace(" ", "_").replace("-", "_")
