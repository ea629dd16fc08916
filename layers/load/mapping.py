"""The mapping of a source's columns to a layer's fields, and the column that names the feature."""

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
_ID_NAMES = ("id", "唯一标识", "标识码", "osm_id")  # names of ids in any file; a `code` may be a category


@dataclass(frozen=True, slots=True)
class FieldMap:
    """The columns of a source and the fields they fill.

    Attributes
    ----------
    columns
        Field name to column name.
    id_column
        The column that names the feature; None when ids are made from the content.
    ignored
        Columns that fill no field.
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
        The columns of the source, without those of its geometry.
    declared
        Field to column, as the user declared; `id` may be among them, and the names of coordinates.
    id_column
        The column that `find_id_column` returned.

    Raises
    ------
    BadInput
        When a declared field or column does not exist; the message lists those that do.
    """
    declared = {f: c for f, c in declared.items() if f not in DECLARABLE or f in definition.by_name}
    stored = definition.stored_fields
    check_declared(declared, columns, (*(field.name for field in stored), "id"))
    matched = {f: c for f, c in declared.items() if f != "id"}
    free = [c for c in columns if c not in QUARANTINE_COLUMNS and c not in matched.values()]
    for names_of in _WAYS:  # all exact names before any similar one
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
    """Whether the column of ids fills the layer's key too: the key is required, or the user declared the ids."""
    assert definition.key is not None  # noqa: S101  # match_columns has looked
    return definition.by_name[definition.key].required or "id" in declared


def missing_fields(definition: LayerDefinition, matched: FieldMap) -> list[FieldDefinition]:
    """Return the required fields without a column."""
    return [
        field
        for field in definition.stored_fields
        if field.required and field.derived is None and field.name != GRADE and field.name not in matched.columns
    ]


def check_declared(declared: Mapping[str, str], columns: Sequence[str], fields: Sequence[str] | None = None) -> None:
    """Check that the fields and columns of a mapping exist.

    Raises
    ------
    BadInput
        When one does not; the message lists the fields or columns.
    """
    for field, column in declared.items():
        if fields is not None and field not in fields:
            raise BadInput(f"the layer has no field '{field}'; it has {', '.join(fields)}", parameter="map")
        if column not in columns:
            raise BadInput(f"the file has no column '{column}'; it has {', '.join(columns)}", parameter="map")


def find_id_column(
    first: Batch, columns: Sequence[str], declared: Mapping[str, str], definition: LayerDefinition | None = None
) -> str | None:
    """Return the column that names the features: as declared, that of the layer's key, or one with a name of ids.

    Parameters
    ----------
    first
        The first rows; in them a guessed column must have a value in every row, and none twice.
    columns
        The candidates of the source.
    declared
        Field to column; an `id` in it is taken unchecked.
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
    for name in _ID_NAMES:
        candidates = sorted((c for c in columns if _plain(c) == name), key=lambda c: c != name)
        for column in candidates:
            if name == "id" or _unique(first.columns.column(column)):
                return column
    return None


def _unique(column: pa.Array) -> bool:
    text = texts(column)
    return text.null_count == 0 and len(text) > 0 and len(pc.unique(text)) == len(text)


def _as_kept(field: FieldDefinition, _: str) -> tuple[str, ...]:
    """Return the name of the column that a field was made from, which is its title in both languages."""
    return (field.title_zh,) if field.title_zh == field.title_en else ()


def _exactly(field: FieldDefinition, _: str) -> tuple[str, ...]:
    return (field.name, field.title_zh, field.title_en)


def _nearly(field: FieldDefinition, layer_id: str) -> tuple[str, ...]:
    return tuple(_plain(name) for name in (*_exactly(field, layer_id), *common_names(field.name, layer_id)))


_WAYS: tuple[Callable[[FieldDefinition, str], tuple[str, ...]], ...] = (_as_kept, _exactly, _nearly)


def _plain(name: str) -> str:
    return name.strip().lower().replace(" ", "_").replace("-", "_")
