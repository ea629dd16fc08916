"""A definition inferred from a file: fields, types and titles from its first rows."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from zlib import crc32

import pyarrow as pa
import pyarrow.compute as pc

from layers.conversion.convert import convert, texts, without_null_words
from layers.definition import (
    GRADE,
    SYSTEM_COLUMNS,
    FieldDefinition,
    FieldType,
    GeometryType,
    LayerDefinition,
    MapHints,
    read_definitions,
)
from layers.load.exactness import suits
from layers.load.mapping import QUARANTINE_COLUMNS
from layers.loaders.batch import Batch, Source
from layers.loaders.column_names import names_for_new_layers

_INT32_MAX = 2**31 - 1
_UNTYPED: tuple[FieldType, ...] = ("boolean", "integer", "number", "date", "datetime")
_DATES_AS_TEXT = {"GeoJSON", "GeoJSONSeq"}  # JSON has no dates
_RESERVED = {"id", "geom", "line", *SYSTEM_COLUMNS}
_IS_CODE = re.compile(r"(code|id|no|phone|tel|编码|代码|编号|电话|手机|证号|序列号)\Z", re.IGNORECASE)
_TILE_FIELDS = 6
COLORS = (
    "#f28e2b", "#76b7b2", "#edc948", "#b07aa1", "#ff9da7", "#9c755f", "#86bcb6", "#d4a6c8", "#8cd17d", "#499894",
)  # fmt: skip
"""Colours of layers that a file made: ten that no alarm on the map has."""


def infer_definition(
    layer_id: str,
    source: Source,
    inference: Inference,
    *,
    grade: int,
    id_column: str | None,
    declared: Mapping[str, str],
) -> tuple[LayerDefinition, dict[str, str]]:
    """Infer a definition from the rows of a source.

    Parameters
    ----------
    layer_id
        Id of the new layer.
    source, inference
        The source, and the types its rows leave for its fields.
    grade
        Data grade of the layer, and of its rows unless the file has a column `data_grade`.
    id_column
        The column that names the features. One called `id` becomes the id alone, any other is a field as well.
    declared
        Field to column, as the user declared: the field then has that name.

    Returns
    -------
    tuple
        The definition, whose geometry type is still open (``Geometry``), and field to column.
    """
    columns = [
        c for c in source.columns.names if c not in QUARANTINE_COLUMNS and not (c == id_column and c.lower() == "id")
    ]
    fed = _columns_of_fields(columns, {field: column for field, column in declared.items() if field != "id"})
    fields = [_field(name, column, inference) for name, column in fed.items() if name != GRADE]
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
            color=COLORS[crc32(layer_id.encode()) % len(COLORS)],
            visible=False,  # one loaded file covers nobody's map: whoever wants it switches it on
            label="name" if "name" in fed else None,
            tile_fields=tuple(f.name for f in fields if f.type not in {"json", "string_array"})[:_TILE_FIELDS],
        ),
        fields=(
            *fields,
            *(f for f in _common_fields(located=source.has_geometry) if f.name == GRADE or f.name not in fed),
        ),
    )
    return made, fed


def _field(name: str, column: str, inference: Inference) -> FieldDefinition:
    title = column[:200] or name
    return FieldDefinition(
        name=name,
        title_zh=title,
        title_en=title,
        type=inference.type_of(column),
        large=inference.is_large(column),
    )


class Inference:
    """The possible types of a source's fields, after the rows read so far.

    A field is text unless every value is canonically of another type and nothing is lost: `1.10`, `12E3`, `007` and
    twenty digits are no numbers, `1203-2-1` is no date.

    Parameters
    ----------
    source
        The source; columns of a text format (CSV, XLSX) are tested for all types.
    """

    def __init__(self, source: Source) -> None:
        self._possible = {
            column.name: [*_candidates(column.name, column.type, source)]
            for column in source.columns
            if column.name not in QUARANTINE_COLUMNS
        }
        self._guessed = {column.name for column in source.columns if source.untyped or pa.types.is_string(column.type)}
        self._filled: set[str] = set()
        self._large: set[str] = set()

    def look(self, batch: Batch) -> None:
        """Rule out the types that the values of a batch do not fit."""
        for name, possible in self._possible.items():
            column = batch.columns.column(name)
            possible[:] = [kind for kind in possible if suits(column, kind)]
            if name not in self._filled and _has_value(column):
                self._filled.add(name)
            if "integer" in possible and name not in self._large and _is_large(column):
                self._large.add(name)

    def is_large(self, column: str) -> bool:
        """Whether a column has integers of more than 32 bits, as numeric ids have."""
        return column in self._large and self.type_of(column) == "integer"

    def type_of(self, column: str) -> FieldType:
        """Return the narrowest type left; text for a column without values."""
        possible = self._possible[column]
        return possible[0] if possible and (column in self._filled or column not in self._guessed) else "string"


def _has_value(column: pa.Array) -> bool:
    text, _ = without_null_words(texts(column), set())
    return bool(pc.any(pc.not_equal(text, ""), min_count=0).as_py())


def _is_large(column: pa.Array) -> bool:
    ends = pc.min_max(convert(column, FieldDefinition(name="x", title_zh="x", title_en="x", type="integer")).values)
    return ends["min"].is_valid and bool(max(-ends["min"].as_py(), ends["max"].as_py()) > _INT32_MAX)


def _candidates(name: str, kind: pa.DataType, source: Source) -> tuple[FieldType, ...]:  # noqa: PLR0911  # one a kind
    if source.untyped:
        return () if _IS_CODE.search(name.strip()) else _UNTYPED
    if pa.types.is_string(kind) and source.format in _DATES_AS_TEXT:
        return ("date", "datetime")
    if pa.types.is_boolean(kind):
        return ("boolean",)
    if pa.types.is_integer(kind):
        return ("integer",)
    if pa.types.is_floating(kind):
        return ("number",)
    if pa.types.is_decimal(kind):
        return ("integer", "number")
    if pa.types.is_date(kind):
        return ("date",)
    if pa.types.is_timestamp(kind):
        return ("datetime",)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return ("string_array",) if pa.types.is_string(kind.value_type) else ("json",)
    return ("json",) if pa.types.is_nested(kind) else ()


def geometry_type_of(kinds: set[str]) -> GeometryType:
    """Return a layer's geometry type for the names of the types that were loaded, for example ``{"POLYGON"}``."""
    if kinds <= {"POINT"} and kinds:
        return "Point"
    if kinds <= {"LINESTRING", "MULTILINESTRING"} and kinds:
        return "LineString" if kinds == {"LINESTRING"} else "MultiLineString"
    if kinds <= {"POLYGON", "MULTIPOLYGON"} and kinds:
        return "Polygon" if kinds == {"POLYGON"} else "MultiPolygon"
    return "Geometry"


def _columns_of_fields(columns: Sequence[str], declared: Mapping[str, str]) -> dict[str, str]:
    """Return field to column: as declared (one column may feed several), else by a known title or the column's name."""
    known = _known_titles()
    fed: dict[str, str] = {}
    for number, column in enumerate(columns, 1):
        own = [field for field, its_column in declared.items() if its_column == column]
        for stem in own or [known.get(column.strip()) or _identifier(column) or f"field_{number}"]:
            name, suffix = stem, 2
            while name in fed or name in _RESERVED:
                name, suffix = f"{stem[:58]}_{suffix}", suffix + 1
            fed[name] = column
    return fed


def _identifier(column: str) -> str:
    snake = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", column.strip())
    name = re.sub(r"[^a-z0-9]+", "_", snake.lower()).strip("_")
    return f"f_{name}"[:63] if name[:1].isdigit() else name[:63]


def _known_titles() -> dict[str, str]:
    titles = {f.title_zh: f.name for d in read_definitions().values() for f in d.fields if f.title_zh}
    return names_for_new_layers() | titles


def _common_fields(*, located: bool) -> tuple[FieldDefinition, ...]:
    """Return the fields of every row: a grade, and of a located one also its area and grid."""
    grade = FieldDefinition(
        name=GRADE,
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
