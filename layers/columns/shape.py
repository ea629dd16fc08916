"""The columns of an answer: their names, their types in Arrow, and the SQL of their values.

Values have the types of their fields and not those of a text format; JSON alone stays text. Geometries are WKB with
x, y = longitude, latitude (or east, north) whatever the official axis order of their system, as GeoParquet, FlatGeobuf
and GeoPackage want them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import pyarrow as pa

from layers.coordinates.crs import CRS84, Crs
from layers.definition import FieldType, GeometryType
from layers.read.query import ItemsQuery, chosen_fields, geometry, has_geometry
from layers.read.rights import rights_at

ID = "id"
ARROW_TYPES: Mapping[FieldType, pa.DataType] = {
    "string": pa.string(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "datetime": pa.timestamp("us", tz="UTC"),
    "string_array": pa.list_(pa.string()),
    "json": pa.string(),
}


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes
    ----------
    value
        SQL over alias `f` of a layer's relation; empty for what is computed afterwards.
    facts
        What is known of its values, by name: titles, unit, code list.
    """

    name: str
    type: pa.DataType
    value: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ColumnShape:
    """The columns of an answer, in their order; the geometry, where there is one, is the last.

    Attributes
    ----------
    geometry_type
        The type of all geometries, ``Geometry`` for mixed ones; None where there is no column of them.
    """

    columns: tuple[Column, ...]
    geometry_type: GeometryType | None
    crs: Crs = CRS84

    @property
    def geometry(self) -> str | None:
        """The name of the column of geometries."""
        return None if self.geometry_type is None else self.columns[-1].name

    @property
    def schema(self) -> pa.Schema:
        """The columns as a schema of Arrow; the id is never null."""
        return pa.schema(
            [
                pa.field(one.name, one.type, nullable=one.name != ID, metadata=dict(one.facts) or None)
                for one in self.columns
            ]
        )

    @property
    def select(self) -> str:
        """The columns as the list of a SELECT; their order tells which is which."""
        return ", ".join(f"{one.value} AS c{number}" for number, one in enumerate(self.columns))


def shape_of(query: ItemsQuery) -> ColumnShape:
    """Return the columns of a query: id, the properties that its actor sees and it names, geometry."""
    columns = [Column(ID, pa.string(), "f.id")]
    for one in chosen_fields(query):
        cast = "::text" if one.type == "json" else ""
        definition = one.definition
        facts = {"title_zh": definition.title_zh, "title_en": definition.title_en}
        facts |= {name: text for name in ("unit", "codes") if (text := getattr(definition, name)) is not None}
        columns.append(Column(definition.name, ARROW_TYPES[one.type], f"({one.expression}){cast}", facts))
    if not has_geometry(query):
        return ColumnShape(tuple(columns), None, query.crs)
    place = f"ST_AsBinary({geometry(query.crs, axes='xy')}, 'NDR')"
    columns.append(Column(free_name("geometry", [one.name for one in columns]), pa.binary(), place))
    return ColumnShape(tuple(columns), _shown_type(query), query.crs)


def free_name(wanted: str, taken: Collection[str]) -> str:
    """Return a name for a column of our own beside those of a layer, which may have a field of that name."""
    return wanted if wanted not in taken else free_name(f"_{wanted}", taken)


def _shown_type(query: ItemsQuery) -> GeometryType:
    """Return the type of the geometries that the actor sees: the centre of a cell stands for any other one."""
    cases = rights_at(query.layer, query.actor).cases
    kind = query.layer.definition.geometry_type
    return kind if kind == "Point" or all(case.geometry in {"full", "absent"} for case in cases) else "Geometry"
