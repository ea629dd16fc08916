"""History as columns of Arrow: the shapes of rows, tracks and series, and what fills them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import shapely

from layers.clause import Clause, compose
from layers.columns.shape import ARROW_TYPES, Column, ColumnShape, free_name
from layers.coordinates.crs import Crs
from layers.coordinates.datum import to_datum
from layers.coordinates.shifted_json import DIGITS
from layers.definition import FieldType
from twin.history.columns import HistoryColumn
from twin.history.rows import HistoryQuery, rows_statement
from twin.history.track import Track

_PLACE = "ST_AsBinary(ST_MakePoint({lon}, {lat}), 'NDR')"
_SERIES_TYPES: Mapping[str, FieldType] = {
    "time": "datetime", "text": "string", "quality_flag": "string", "n": "integer", "flagged": "integer",
    "count": "integer",
}  # fmt: skip
_UNITS = {"lon": "deg", "lat": "deg", "speed_kmh": "km/h", "heading_deg": "deg"}


def rows_shape(columns: Sequence[HistoryColumn], *, places: bool) -> ColumnShape:
    """Return the shape of rows; with `places` also their points, beside `lon` and `lat`.

    Each column is the value of the same place in `rows_statement`; of two with one name the later one is told, as in
    rows of JSON.
    """
    last = {column.name: number for number, column in enumerate(columns)}
    found = [_column(columns[number], f"r.c{number}") for number in last.values()]
    if not places:
        return ColumnShape(tuple(found), None)
    lon, lat = (f"r.c{last[axis]}" for axis in ("lon", "lat"))
    name = free_name("geometry", list(last))
    return ColumnShape((*found, Column(name, pa.binary(), _PLACE.format(lon=lon, lat=lat))), "Point")


def _column(column: HistoryColumn, value: str) -> Column:
    facts = {"title_zh": column.title_zh, "title_en": column.title_en}
    facts |= {"unit": column.unit} if column.unit else {}
    return Column(column.name, ARROW_TYPES[column.type], f"{value}{'::text' if column.type == 'json' else ''}", facts)


def rows_as_columns(query: HistoryQuery, shape: ColumnShape, limit: int | None) -> Clause:
    """Build the statement of rows in their order, of which the columns are those of a shape."""
    names = [f"c{number}" for number in range(len(query.columns) + len(query.key))]
    return compose(f"SELECT {shape.select} FROM ({{}}) AS r ({', '.join(names)})", rows_statement(query, limit))


def batch_of_rows(shape: ColumnShape, rows: Sequence[Mapping[str, Any]]) -> pa.RecordBatch:
    """Return rows that were read as objects; their points are made of `lon` and `lat`."""
    told = [column for column in shape.columns if column.name != shape.geometry]
    arrays = [pa.array([_plain(row.get(column.name), column) for row in rows], column.type) for column in told]
    if shape.geometry is not None:
        lonlat = np.array([[_number(row.get("lon")), _number(row.get("lat"))] for row in rows]).reshape(-1, 2)
        arrays.append(_points(lonlat))
    return pa.RecordBatch.from_arrays(arrays, schema=shape.schema)


def _plain(value: Any, column: Column) -> Any:
    if value is None or isinstance(value, str):
        return value
    if pa.types.is_string(column.type):
        return orjson.dumps(value).decode()  # of a field of JSON
    return float(value) if pa.types.is_floating(column.type) else value


def _number(value: float | None) -> float:
    return float("nan") if value is None else float(value)


def _points(lonlat: np.ndarray[Any, np.dtype[np.float64]]) -> pa.Array:
    known = ~np.isnan(lonlat).any(axis=1)
    points = np.full(len(lonlat), None, dtype=object)
    points[known] = shapely.to_wkb(shapely.points(lonlat[known]), byte_order=1)
    return pa.array(points.tolist(), pa.binary())


def track_batch(track: Track, *, places: bool) -> tuple[ColumnShape, pa.RecordBatch]:
    """Return the vertices of a track: time, longitude, latitude and numbers; with `places` also points."""
    lonlat = np.round(track.lonlat, 7).reshape(-1, 2)
    numbers = {"lon": lonlat[:, 0], "lat": lonlat[:, 1]}
    numbers |= {name: np.round(values, 2) for name, values in track.measured.items()}
    columns = [Column("time", ARROW_TYPES["datetime"])]
    columns += [Column(name, pa.float64(), facts={"unit": _UNITS[name]}) for name in numbers]
    milliseconds = (track.times_s * 1000).round().astype("datetime64[ms]").astype("datetime64[us]")
    arrays = [pa.array(milliseconds, ARROW_TYPES["datetime"])]
    arrays += [pa.array(values, pa.float64(), from_pandas=True) for values in numbers.values()]
    if not places:
        shape = ColumnShape(tuple(columns), None)
    else:
        shape = ColumnShape((*columns, Column("geometry", pa.binary())), "Point")
        arrays.append(_points(lonlat))
    return shape, pa.RecordBatch.from_arrays(arrays, schema=shape.schema)


def shifted_shape(shape: ColumnShape, crs: Crs) -> ColumnShape:
    """Return the shape of rows with `lon` and `lat` in a datum; where it has no points, a column names the datum."""
    names = shape.schema.names
    if crs.datum is None or "lon" not in names:
        return shape
    told = () if shape.geometry else (Column(free_name("datum", names), pa.string()),)
    return replace(shape, columns=(*shape.columns, *told), crs=crs)


def shifted_batch(batch: pa.RecordBatch, shape: ColumnShape) -> pa.RecordBatch:
    """Return rows in CRS84 as those of a `shifted_shape`: `lon` and `lat`, and with them the points, in its datum."""
    datum = shape.crs.datum
    if datum is None:
        return batch
    columns = dict(zip(batch.schema.names, batch.columns, strict=True))
    given = [columns[axis].to_numpy(zero_copy_only=False).astype(np.float64) for axis in ("lon", "lat")]
    lonlat = np.round(to_datum(np.column_stack(given), datum), DIGITS)
    columns |= {axis: pa.array(lonlat[:, n], pa.float64(), from_pandas=True) for n, axis in enumerate(("lon", "lat"))}
    last = shape.schema.names[-1]
    columns[last] = _points(lonlat) if shape.geometry else pa.repeat(pa.scalar(datum), batch.num_rows)
    return pa.RecordBatch.from_arrays(list(columns.values()), schema=shape.schema)


def series_batch(
    names: Sequence[str], rows: Sequence[Mapping[str, Any]], unit: str | None
) -> tuple[ColumnShape, pa.RecordBatch]:
    """Return the values of a series: raw ones or buckets, as their rows are named."""
    measured = {"unit": unit} if unit else {}
    shape = ColumnShape(
        tuple(
            Column(name, ARROW_TYPES[_SERIES_TYPES.get(name, "number")], "", {} if name in _SERIES_TYPES else measured)
            for name in names
        ),
        None,
    )
    return shape, batch_of_rows(shape, rows)
