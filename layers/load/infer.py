"""A definition for a file that no definition names: fields, types and titles from its first rows."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from layers.column_names import names_for_new_layers
from layers.definition import FieldDefinition, FieldType, GeometryType, LayerDefinition, MapHints, read_definitions
from layers.load.mapping import QUARANTINE_COLUMNS
from layers.loaders.batch import Batch, Source
from layers.values import convert, texts

_INT32_MAX = 2**31 - 1
_CANDIDATES: tuple[FieldType, ...] = ("boolean", "integer", "number", "date", "datetime")
_WIDER: dict[FieldType, FieldType] = {"integer": "number", "date": "datetime"}
_RESERVED = {"id", "geom", "line", "data_grade"}
_IS_CODE = re.compile(r"(code|id|no|phone|tel|编码|代码|编号|电话|手机|证号|序列号)\Z", re.IGNORECASE)
_TRUTH = {"true", "false", "是", "否"}
_TILE_FIELDS = 6


def infer_definition(
    layer_id: str, source: Source, first: Batch, *, grade: int, id_column: str | None, declared: Mapping[str, str]
) -> tuple[LayerDefinition, dict[str, str]]:
    """Make a definition from what a source looks like.

    Parameters
    ----------
    layer_id
        Id of the new layer.
    source, first
        The source and its first rows, from which the types of an untyped one are inferred.
    grade
        Data grade of the layer and its rows.
    id_column
        The column that names the features. One called `id` becomes the id alone, any other stays a field as well.
    declared
        Field to column, as the user said: the field then has that name.

    Returns
    -------
    tuple
        The definition, whose geometry type is still open (``Geometry``), and field to column.
    """
    columns = [
        c for c in source.columns.names if c not in QUARANTINE_COLUMNS and not (c == id_column and c.lower() == "id")
    ]
    names = _field_names(columns, {column: field for field, column in declared.items() if field != "id"})
    fields = [
        FieldDefinition(
            name=names[c],
            title_zh=c[:200] or names[c],
            title_en=c[:200] or names[c],
            type=infer_type(c, first.columns.column(c), source),
            large=_is_large(first.columns.column(c)),
        )
        for c in columns
    ]
    made = LayerDefinition(
        id=layer_id,
        title_zh=layer_id,
        title_en=layer_id,
        description_zh=f"由文件 {source.name} 载入",
        description_en=f"Loaded from {source.name}",
        geometry_type="Geometry" if source.has_geometry else "None",
        grade=grade,
        source=source.name,
        map=MapHints(
            label="name" if "name" in names.values() else None,
            tile_fields=tuple(f.name for f in fields if f.type not in {"json", "string_array"})[:_TILE_FIELDS],
        ),
        fields=(*fields, *(f for f in _common_fields(located=source.has_geometry) if f.name not in names.values())),
    )
    return made, {names[c]: c for c in columns}


def infer_type(  # noqa: PLR0911  # one answer a kind
    name: str, column: pa.Array, source: Source
) -> FieldType:
    """Tell the type of a field from its column's type, or from its values where the source has only text."""
    kind = column.type
    if pa.types.is_boolean(kind):
        return "boolean"
    if pa.types.is_integer(kind):
        return "integer"
    if (pa.types.is_floating(kind) and not source.untyped) or pa.types.is_decimal(kind):
        return "number"
    if pa.types.is_date(kind):
        return "date"
    if pa.types.is_timestamp(kind):
        return "datetime"
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return "string_array" if pa.types.is_string(kind.value_type) else "json"
    if pa.types.is_nested(kind):
        return "json"
    return _infer_from_values(name, column) if source.untyped else "string"


def _is_large(column: pa.Array) -> bool:
    """Whether whole numbers of a column's first rows have more than 32 bits, as numbers that are ids do."""
    if not pa.types.is_integer(column.type) or column.null_count == len(column):
        return False
    ends = pc.min_max(column)
    return bool(max(-ends["min"].as_py(), ends["max"].as_py()) > _INT32_MAX)


def widen(field: FieldDefinition) -> FieldDefinition:
    """Make a field take more: a whole number becomes a number, a date a moment, anything else text."""
    return field.model_copy(update={"type": _WIDER.get(field.type, "string")})


def geometry_type_of(kinds: set[str]) -> GeometryType:
    """Choose a layer's geometry type from the names of the types that were loaded, for example ``{"POLYGON"}``."""
    if kinds <= {"POINT"} and kinds:
        return "Point"
    if kinds <= {"LINESTRING", "MULTILINESTRING"} and kinds:
        return "LineString" if kinds == {"LINESTRING"} else "MultiLineString"
    if kinds <= {"POLYGON", "MULTIPOLYGON"} and kinds:
        return "Polygon" if kinds == {"POLYGON"} else "MultiPolygon"
    return "Geometry"


def _infer_from_values(name: str, column: pa.Array) -> FieldType:
    text = texts(column).drop_null()
    if not len(text):
        return "string"
    if _IS_CODE.search(name.strip()) or _leading_zero(text):
        return "string"
    for candidate in _CANDIDATES:
        if candidate == "boolean" and not set(text.unique().slice(0, 20).to_pylist()) <= _TRUTH:
            continue
        trial = convert(column, FieldDefinition(name="x", title_zh="x", title_en="x", type=candidate))
        if not trial.bad.any() and trial.values.null_count < len(trial.values):
            return candidate
    return "string"


def _leading_zero(text: pa.Array) -> bool:
    """Whether some value is a code like 007, which as a number would lose its zeros."""
    return bool(pc.any(pc.match_substring_regex(text, r"^[+-]?0\d|^\d{16,}$")).as_py())


def _field_names(columns: Sequence[str], declared: Mapping[str, str]) -> dict[str, str]:
    """Give each column a name that is an identifier: declared, known by its Chinese title, or made from its own."""
    known = _known_titles()
    taken: set[str] = set(_RESERVED)
    names: dict[str, str] = {}
    for number, column in enumerate(columns, 1):
        wanted = declared.get(column) or known.get(column.strip()) or _identifier(column) or f"field_{number}"
        name, suffix = wanted, 2
        while name in taken:
            name, suffix = f"{wanted[:58]}_{suffix}", suffix + 1
        taken.add(name)
        names[column] = name
    return names


def _identifier(column: str) -> str:
    snake = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", column.strip())
    name = re.sub(r"[^a-z0-9]+", "_", snake.lower()).strip("_")
    return f"f_{name}"[:63] if name[:1].isdigit() else name[:63]


def _known_titles() -> dict[str, str]:
    titles = {f.title_zh: f.name for d in read_definitions().values() for f in d.fields if f.title_zh}
    return names_for_new_layers() | titles


def _common_fields(*, located: bool) -> tuple[FieldDefinition, ...]:
    """Every row has a grade; a located one also lies in an area and a grid."""
    grade = FieldDefinition(
        name="data_grade",
        title_zh="数据分级",
        title_en="Data grade",
        type="integer",
        codes="data_grade",
        required=True,
        common=True,
    )
    if not located:
        return (grade,)
    area = FieldDefinition(
        name="area_code",
        title_zh="行政区划代码",
        title_en="Area code",
        type="string",
        derived="area_of_point",
        common=True,
    )
    grid = FieldDefinition(
        name="grid_code", title_zh="所属网格", title_en="Grid", type="string", derived="grid_of_point", common=True
    )
    return (area, grid, grade)
