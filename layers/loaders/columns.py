"""The geometry columns of a table: longitude and latitude, x and y, or WKT, by their usual names or as declared."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import shapely

from layers.conversion.convert import is_binary, numbers, texts, without_null_words
from layers.errors import BadFile
from layers.loaders.batch import GEOMETRY_KEY, Batch
from layers.loaders.column_names import common_names
from layers.loaders.shapes import UNREADABLE, from_wkb, from_wkt
from layers.types import Geometries

LON = {"lon", "lng", "long", "longitude", "经度", "东经", "gpslng", "gpslon", "centroidlon"}
LAT = {"lat", "latitude", "纬度", "北纬", "gpslat", "centroidlat"}
X = {"x", "easting", "east", "东坐标", "横坐标", "xcoord", "pointx"}
Y = {"y", "northing", "north", "北坐标", "纵坐标", "ycoord", "pointy"}
LONLAT = {"经纬度", "经纬度坐标", "lonlat", "lnglat", "longlat"}
LATLON = {"纬经度", "latlon", "latlng", "latlong"}
MAYBE_LONLAT = {"坐标", "坐标点", "经纬坐标", "位置", "location", "position", "coordinates", "coordinate", "coords"}
WKT = {"wkt", "geom", "thegeom", "ewkt", "几何", "坐标串", "geomwkt", GEOMETRY_KEY}
DECLARABLE = ("lon", "lat", "x", "y", "wkt", "lonlat", "latlon")
_SUFFIX = re.compile(r"[(（\[【].*\Z", re.DOTALL)
_FILLER = re.compile(r"[\s_\-.°]+")
_PAIR = r"^\s*[\[(（]?\s*(?P<first>[+-]?[0-9.]+)\s*[,，;；/ ]\s*(?P<second>[+-]?[0-9.]+)\s*[\])）]?\s*$"
_IS_PAIR = re.compile(_PAIR)
_HEX = r"^[0-9A-Fa-f]{18,}$"
_SRID = re.compile(r"^\s*SRID=(?P<srid>\d{1,6});")


@dataclass(frozen=True, slots=True)
class PointColumns:
    """Two columns of numbers."""

    x: str
    y: str


@dataclass(frozen=True, slots=True)
class WktColumn:
    """One column of WKT."""

    wkt: str


@dataclass(frozen=True, slots=True)
class PairColumn:
    """One column of two numbers, such as ``113.35,23.13``."""

    column: str
    lat_first: bool = False


type GeometryColumns = PointColumns | WktColumn | PairColumn


def find_geometry_columns(
    name: str, columns: Sequence[str], declared: Mapping[str, str], rows: Sequence[Sequence[object]] = ()
) -> GeometryColumns | None:
    """Find the columns that hold the geometry.

    Parameters
    ----------
    name
        Name of the file, for messages.
    columns
        The table's column names.
    declared
        The columns that the user declared, by one of `DECLARABLE`; they precede the names.
    rows
        Some rows: a column such as 坐标 or location is taken for pairs only where it holds them.

    Returns
    -------
    PointColumns, WktColumn, PairColumn or None
        None when the table has no geometry.

    Raises
    ------
    BadFile
        When a declared column does not exist, only one of a pair was declared, or two columns fit equally well.
    """
    for column in declared.values():
        if column not in columns:
            raise BadFile(f"'{name}' has no column '{column}'; it has {', '.join(columns[:40])}", parameter=column)
    if "wkt" in declared:
        return WktColumn(declared["wkt"])
    for pair in ("lonlat", "latlon"):
        if pair in declared:
            return PairColumn(declared[pair], lat_first=pair == "latlon")
    for first, second in (("lon", "lat"), ("x", "y")):
        if first in declared and second in declared:
            return PointColumns(declared[first], declared[second])
        if first in declared or second in declared:
            raise BadFile(f"declare both {first} and {second} of '{name}', or none", parameter=first)
    return _by_name(name, columns) or _pair_by_name(columns, rows)


def _plain(column: str) -> str:
    return _FILLER.sub("", _SUFFIX.sub("", column)).lower()


def _by_name(name: str, columns: Sequence[str]) -> GeometryColumns | None:
    plain = {column: _plain(column) for column in columns}
    common = {known: {_plain(one) for one in common_names(known)} for known in ("lon", "lat", "x", "y", "wkt")}
    for firsts, seconds in ((LON | common["lon"], LAT | common["lat"]), (X | common["x"], Y | common["y"])):
        found = [[c for c in columns if plain[c] in wanted] for wanted in (firsts, seconds)]
        if all(found):
            if any(len(candidates) > 1 for candidates in found):
                several = ", ".join(found[0] + found[1])
                raise BadFile(
                    f"'{name}' has several coordinate columns ({several}); say which with --map", parameter=name
                )
            return PointColumns(found[0][0], found[1][0])
    texts_found = [c for c in columns if plain[c] in WKT | common["wkt"]]
    return WktColumn(texts_found[0]) if len(texts_found) == 1 else None


def _pair_by_name(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> PairColumn | None:
    """Return the one column that holds two numbers; longitude comes first unless the column's name says otherwise."""
    found = [
        PairColumn(column, lat_first=_plain(column) in LATLON)
        for place, column in enumerate(columns)
        if _plain(column) in LONLAT | LATLON or (_plain(column) in MAYBE_LONLAT and _holds_pairs(rows, place))
    ]
    return found[0] if len(found) == 1 else None


def _holds_pairs(rows: Sequence[Sequence[object]], place: int) -> bool:
    cells = [str(row[place]) for row in rows if place < len(row) and row[place] not in {None, ""}]
    return bool(cells) and all(_IS_PAIR.match(cell) for cell in cells)


def locate(batch: Batch, columns: GeometryColumns | None) -> Batch:
    """Make the batch's geometries from its columns; rows with unreadable coordinates are rejected."""
    if isinstance(columns, PointColumns):
        batch.geometry = _points(batch, columns)
    elif isinstance(columns, WktColumn):
        batch.geometry = _from_wkt(batch, columns)
    elif isinstance(columns, PairColumn):
        batch.geometry = _from_pairs(batch, columns)
    return batch


def _points(batch: Batch, columns: PointColumns) -> Geometries:
    xy = np.empty((len(batch), 2))
    given = np.zeros(len(batch), dtype=np.int64)
    for axis, name in enumerate((columns.x, columns.y)):
        column, words = without_null_words(batch.columns.column(name), set())
        batch.repaired("null_word", words)
        values, bad = numbers(column)
        batch.reject(bad, "bad_coordinate", _excerpt(column, f"{name} must be a number"))
        xy[:, axis] = pc.fill_null(values, float("nan")).to_numpy(zero_copy_only=False)
        given += values.is_valid().to_numpy(zero_copy_only=False)
    batch.reject(given == 1, "bad_coordinate", f"one of {columns.x} and {columns.y} is missing")
    points: Geometries = np.full(len(batch), None, dtype=object)
    whole = given == 2
    points[whole] = shapely.points(xy[whole])
    return points


def _from_pairs(batch: Batch, columns: PairColumn) -> Geometries:
    column, words = without_null_words(texts(batch.columns.column(columns.column)), set())
    batch.repaired("null_word", words)
    column = pc.if_else(pc.equal(column, ""), pa.scalar(None, pa.string()), column)
    parts = pc.extract_regex(column, _PAIR)
    (first, bad), (second, worse) = (numbers(pc.struct_field(parts, name)) for name in ("first", "second"))
    unread = column.is_valid().to_numpy(zero_copy_only=False) & parts.is_null().to_numpy(zero_copy_only=False)
    batch.reject(unread | bad | worse, "bad_coordinate", _excerpt(column, f"{columns.column} must be two numbers"))
    axes = (second, first) if columns.lat_first else (first, second)
    xy = np.column_stack([pc.fill_null(axis, float("nan")).to_numpy(zero_copy_only=False) for axis in axes])
    points: Geometries = np.full(len(batch), None, dtype=object)
    whole = np.isfinite(xy).all(axis=1)
    points[whole] = shapely.points(xy[whole])
    return points


def _from_wkt(batch: Batch, column: WktColumn) -> Geometries:
    """Read WKT, or WKB where the column is binary or hexadecimal; open rings are closed and counted."""
    given = batch.columns.column(column.wkt)
    if is_binary(given.type):
        raw = np.asarray(given.to_numpy(zero_copy_only=False), dtype=object)
        geometry, closed = from_wkb(raw)
        batch.columns, batch.as_read = batch.columns.drop_columns([column.wkt]), geometry
    else:
        text = _wkt_texts(given)
        raw = np.asarray(text.to_numpy(zero_copy_only=False), dtype=object)
        is_hex = pc.all(pc.match_substring_regex(text, _HEX), min_count=1).as_py()  # what PostGIS itself writes
        geometry, closed = (from_wkb if is_hex else from_wkt)(raw)
        if not is_hex:
            geometry = shapely.set_srid(geometry, _srids(given))
    unread = shapely.is_missing(geometry) & np.array([one is not None for one in raw], dtype=np.bool_)
    batch.repaired("unclosed_ring", int(closed.sum()))
    batch.reject(unread, "bad_geometry", lambda row: f"{UNREADABLE}; given '{str(given[row].as_py())[:60]}'")
    return geometry


def _srids(column: pa.Array) -> npt.NDArray[np.int32]:
    """Return the SRID of each row's EWKT; 0 where it has none."""
    srid = pc.struct_field(pc.extract_regex(texts(column), _SRID.pattern), "srid")
    codes: npt.NDArray[np.int32] = pc.cast(pc.fill_null(srid, "0"), pa.int32()).to_numpy(zero_copy_only=False)
    return codes


def _wkt_texts(column: pa.Array) -> pa.Array:
    text = pc.replace_substring_regex(texts(column), _SRID.pattern, "")
    nothing = pc.is_in(text, value_set=pa.array(["", "NULL", "None", "无"]))
    return pc.if_else(nothing, pa.scalar(None, pa.string()), text)


def _excerpt(column: pa.Array, expected: str) -> Callable[[int], str]:
    return lambda row: f"{expected}; given '{str(column[row].as_py())[:60]}'"
