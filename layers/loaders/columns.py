"""Where a table's geometry is: longitude and latitude, x and y, or WKT, by their usual names or as declared."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import shapely

from layers.errors import BadFile
from layers.loaders.batch import GEOMETRY_KEY, Batch, Geometries
from layers.values import numbers, texts, without_null_words

LON = {"lon", "lng", "long", "longitude", "经度", "东经", "gpslng", "gpslon", "centroidlon"}
LAT = {"lat", "latitude", "纬度", "北纬", "gpslat", "centroidlat"}
X = {"x", "easting", "east", "东坐标", "横坐标", "xcoord", "pointx"}
Y = {"y", "northing", "north", "北坐标", "纵坐标", "ycoord", "pointy"}
WKT = {"wkt", "geom", "thegeom", "ewkt", "几何", "坐标串", "geomwkt", GEOMETRY_KEY}
DECLARABLE = ("lon", "lat", "x", "y", "wkt")
_SUFFIX = re.compile(r"[(（\[【].*\Z", re.DOTALL)
_FILLER = re.compile(r"[\s_\-.°]+")
_SRID = re.compile(r"^\s*SRID=\d+;")


@dataclass(frozen=True, slots=True)
class PointColumns:
    """Two columns of numbers."""

    x: str
    y: str


@dataclass(frozen=True, slots=True)
class WktColumn:
    """One column of WKT."""

    wkt: str


type GeometryColumns = PointColumns | WktColumn


def find_geometry_columns(name: str, columns: Sequence[str], declared: Mapping[str, str]) -> GeometryColumns | None:
    """Find the columns that hold the geometry.

    Parameters
    ----------
    name
        Of the file, for messages.
    columns
        The table's column names.
    declared
        What the user said, by `lon`, `lat`, `x`, `y` or `wkt`; it goes before what the names suggest.

    Returns
    -------
    PointColumns, WktColumn or None
        None when the table has no geometry.

    Raises
    ------
    BadFile
        When a declared column is not there, only one of a pair was declared, or two columns fit as well as each other.
    """
    for column in declared.values():
        if column not in columns:
            raise BadFile(f"'{name}' has no column '{column}'; it has {', '.join(columns[:40])}", parameter=column)
    if "wkt" in declared:
        return WktColumn(declared["wkt"])
    for first, second in (("lon", "lat"), ("x", "y")):
        if first in declared and second in declared:
            return PointColumns(declared[first], declared[second])
        if first in declared or second in declared:
            raise BadFile(f"declare both {first} and {second} of '{name}', or none", parameter=first)
    return _by_name(name, columns)


def _by_name(name: str, columns: Sequence[str]) -> GeometryColumns | None:
    plain = {column: _FILLER.sub("", _SUFFIX.sub("", column)).lower() for column in columns}
    for firsts, seconds in ((LON, LAT), (X, Y)):
        found = [[c for c in columns if plain[c] in wanted] for wanted in (firsts, seconds)]
        if all(found):
            if any(len(candidates) > 1 for candidates in found):
                several = ", ".join(found[0] + found[1])
                raise BadFile(
                    f"'{name}' has several coordinate columns ({several}); say which with --map", parameter=name
                )
            return PointColumns(found[0][0], found[1][0])
    texts_found = [c for c in columns if plain[c] in WKT]
    return WktColumn(texts_found[0]) if len(texts_found) == 1 else None


def locate(batch: Batch, columns: GeometryColumns | None) -> Batch:
    """Make the batch's geometries from its columns; rows whose coordinates cannot be read are rejected."""
    if isinstance(columns, PointColumns):
        batch.geometry = _points(batch, columns)
    elif isinstance(columns, WktColumn):
        batch.geometry = _from_wkt(batch, columns)
    return batch


def _points(batch: Batch, columns: PointColumns) -> Geometries:
    xy = np.empty((len(batch), 2))
    given = np.zeros(len(batch), dtype=np.int64)
    for axis, name in enumerate((columns.x, columns.y)):
        column, words = without_null_words(batch.columns.column(name), set())
        batch.repaired("null_word", words)
        values, bad = numbers(column)
        batch.reject(bad, "bad_coordinate", _shown(column, f"{name} must be a number"))
        xy[:, axis] = pc.fill_null(values, float("nan")).to_numpy(zero_copy_only=False)
        given += values.is_valid().to_numpy(zero_copy_only=False)
    batch.reject(given == 1, "bad_coordinate", f"one of {columns.x} and {columns.y} is missing")
    points: Geometries = np.full(len(batch), None, dtype=object)
    whole = given == 2
    points[whole] = shapely.points(xy[whole])
    return points


def _from_wkt(batch: Batch, column: WktColumn) -> Geometries:
    """Read WKT; rings that were left open are closed and counted."""
    text = texts(batch.columns.column(column.wkt))
    text = pc.replace_substring_regex(text, _SRID.pattern, "")
    text = pc.if_else(
        pc.is_in(text, value_set=pa.array(["", "NULL", "None", "无"])), pa.scalar(None, pa.string()), text
    )
    raw = np.asarray(text.to_numpy(zero_copy_only=False), dtype=object)
    geometry: Geometries = shapely.from_wkt(raw, on_invalid="ignore")
    unread = shapely.is_missing(geometry) & text.is_valid().to_numpy(zero_copy_only=False)
    if unread.any():
        geometry[unread] = [_closed(t) for t in raw[unread]]
        fixed = unread & ~shapely.is_missing(geometry)
        batch.repaired("unclosed_ring", int(fixed.sum()))
        batch.reject(unread & ~fixed, "bad_geometry", _shown(batch.columns.column(column.wkt), "not WKT"))
    return geometry


def _closed(text: str) -> shapely.Geometry | None:
    if "POLYGON" not in text[:40].upper():
        return None
    return shapely.from_wkt(np.array([text], dtype=object), on_invalid="fix")[0]


def _shown(column: pa.Array, expected: str) -> Callable[[int], str]:
    return lambda row: f"{expected}; given '{str(column[row].as_py())[:60]}'"
