"""Which column of a source goes into which field of a layer, and which one names the feature."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from layers.column_names import common_names
from layers.definition import LayerDefinition
from layers.errors import BadInput
from layers.loaders.batch import Batch
from layers.loaders.columns import DECLARABLE
from layers.values import texts

QUARANTINE_COLUMNS = ("_quarantine_id", "_line", "_reason", "_detail")
_ID_NAMES = (
    "id",
    "唯一标识",
    "标识码",
    "osm_id",
    "code",
    "adcode",
)  # names of identifiers that mean the same in any file


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
    free = {_plain(c): c for c in reversed(columns) if c not in QUARANTINE_COLUMNS and c not in declared.values()}
    matched = {f: c for f, c in declared.items() if f != "id"}
    for field in stored:
        for name in (field.name, field.title_zh, field.title_en, *common_names(field.name, definition.id)):
            if field.name not in matched and (column := free.pop(_plain(name), None)):
                matched[field.name] = column
    used = {*matched.values(), id_column, *QUARANTINE_COLUMNS}
    return FieldMap(matched, id_column, tuple(c for c in columns if c not in used))


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


def find_id_column(first: Batch, columns: Sequence[str], declared: Mapping[str, str]) -> str | None:
    """Find the column that names the features.

    Parameters
    ----------
    first
        The first rows; a column that is guessed must be whole and without repetition in them.
    columns
        Those of the source that may be it.
    declared
        `id` in it is believed.

    Returns
    -------
    str or None
        None where no column names the features.
    """
    if "id" in declared:
        return declared["id"]
    for wanted in _ID_NAMES:
        for column in columns:
            if _plain(column) == _plain(wanted) and (wanted == "id" or _unique(first.columns.column(column))):
                return column
    return None


def _unique(column: pa.Array) -> bool:
    text = texts(column)
    return text.null_count == 0 and len(text) > 0 and len(pc.unique(text)) == len(text)


def _plain(name: str) -> str:
    return name.strip().lower().replace(" ", "_").replace("-", "_")
