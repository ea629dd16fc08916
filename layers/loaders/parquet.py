"""GeoParquet, Parquet's own GEOMETRY type, and Parquet with coordinates in columns."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import shapely

from layers.conversion.convert import is_binary
from layers.errors import BadFile
from layers.loaders.batch import Batch, Source
from layers.loaders.columns import GeometryColumns, find_geometry_columns, locate
from layers.loaders.encoding import UTF8, decoded_texts, known, refuse_marked
from layers.loaders.shapes import UNREADABLE, from_wkb
from layers.loaders.table import geometry_names
from layers.types import Geometries

BATCH_ROWS = 50_000
_NATIVE = {"point", "linestring", "polygon", "multipoint", "multilinestring", "multipolygon"}  # of GeoParquet 1.1
_DEPTH = {"linestring": 1, "multipoint": 1, "polygon": 2, "multilinestring": 2, "multipolygon": 3}
_OWN_TYPES = ("geometry", "geography")


@dataclass(frozen=True, slots=True)
class _Primary:
    """The geometry column, its encoding in lower case, and its declared CRS."""

    column: str
    encoding: str
    crs: str | None


def open_parquet(
    path: Path, *, declared: Mapping[str, str], encoding: str | None = None, located: bool = True
) -> Source:
    """Open a GeoParquet file, one with Parquet's own GEOMETRY, or one whose columns hold coordinates, WKT or WKB.

    Parameters
    ----------
    declared
        Columns of the coordinates, as for a table.
    encoding
        Encoding of texts that are not UTF-8.
    located
        Whether a geometry is read.

    Raises
    ------
    BadFile
        When it is damaged, or its geometry has an unsupported encoding.
    """
    codec = known(path.name, encoding) if encoding else UTF8
    with _open(path) as file:
        schema, rows = file.schema_arrow, file.metadata.num_rows
        others = _geo_columns(path, schema)
        primary = (_primary(path, schema) or _own_geometry(file)) if located else None
    if primary and primary.encoding not in {"wkb"} | _NATIVE:
        raise BadFile(f"'{path.name}' encodes its geometry as '{primary.encoding}'; WKB is read", parameter=path.name)
    table = None if primary or not located else find_geometry_columns(path.name, schema.names, declared)
    hidden = (primary.column,) if primary else geometry_names(table)
    left_out = {*hidden, *others}
    return Source(
        name=path.name,
        format="GeoParquet" if primary else "Parquet",
        columns=pa.schema([f.remove_metadata() for f in schema if f.name not in left_out]),
        has_geometry=bool(primary or table),
        crs=primary.crs if primary else None,
        batches=lambda: _read(path, primary, table, rows, codec),
        geometry_columns=() if primary else hidden,
        total_rows=rows,
    )


def _open(path: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path, thrift_string_size_limit=64 * 1024**2, thrift_container_size_limit=1_000_000)
    except (pa.ArrowException, OSError) as error:
        raise BadFile(f"'{path.name}' is not a Parquet file that can be read: {error}", parameter=path.name) from error


def _geo(path: Path, schema: pa.Schema) -> dict[str, Any] | None:
    text = (schema.metadata or {}).get(b"geo")
    if text is None:
        return None
    try:
        geo: dict[str, Any] = json.loads(text)
        geo["columns"][geo["primary_column"]]
        schema.field(geo["primary_column"])
    except (ValueError, KeyError, TypeError) as error:
        raise BadFile(f"'{path.name}' has a broken 'geo' entry: {error}", parameter=path.name) from error
    return geo


def _geo_columns(path: Path, schema: pa.Schema) -> set[str]:
    geo = _geo(path, schema)
    return set(geo["columns"]) if geo else set()


def _primary(path: Path, schema: pa.Schema) -> _Primary | None:
    """Read the `geo` entry; None without one."""
    geo = _geo(path, schema)
    if geo is None:
        return None
    described = geo["columns"][geo["primary_column"]]
    return _Primary(geo["primary_column"], str(described.get("encoding", "WKB")).lower(), _crs(described))


def _own_geometry(file: pq.ParquetFile) -> _Primary | None:
    """Return the first column of Parquet's own type GEOMETRY, whose values are WKB; None without one."""
    for place in range(len(file.schema)):
        column = file.schema.column(place)
        kind = json.loads(column.logical_type.to_json())
        if kind.get("Type", "").lower() in _OWN_TYPES and "." not in column.path:
            return _Primary(column.path, "wkb", _own_crs(kind.get("crs"), file.schema_arrow.metadata or {}))
    return None


def _own_crs(text: str | None, metadata: Mapping[bytes, bytes]) -> str | None:
    """Return a CRS in Parquet's notation: empty is CRS84, ``srid:n`` a code, ``projjson:key`` an entry."""
    kind, _, name = (text or "OGC:CRS84").partition(":")
    if kind == "srid":
        return f"EPSG:{name}" if name != "0" else None
    if kind == "projjson" and name.encode() in metadata:
        return metadata[name.encode()].decode()
    return text or "OGC:CRS84"


def _crs(described: dict[str, Any]) -> str | None:
    """Return the column's CRS: PROJJSON, or WKT before 1.0; CRS84 without the key; None (unknown) where it is null."""
    crs = described.get("crs", "OGC:CRS84")
    return crs if crs is None or isinstance(crs, str) else json.dumps(crs)


def _read(
    path: Path, primary: _Primary | None, table: GeometryColumns | None, total: int, codec: str
) -> Iterator[Batch]:
    first = 1
    with _open(path) as file:
        try:
            for record_batch in file.iter_batches(batch_size=BATCH_ROWS):
                texts = [decoded_texts(c, codec) if pa.types.is_string(c.type) else c for c in record_batch.columns]
                whole = pa.RecordBatch.from_arrays(texts, schema=record_batch.schema)
                whole.validate(full=True)
                lines = np.arange(first, first + whole.num_rows, dtype=np.int64)
                first += whole.num_rows
                batch = _batch(whole, primary, table, lines, (first - 1) / max(total, 1))
                refuse_marked(batch, codec)
                yield batch
        except (pa.ArrowException, OSError) as error:
            raise BadFile(f"'{path.name}' breaks off or is damaged: {error}", parameter=path.name) from error


def _batch(
    record_batch: pa.RecordBatch, primary: _Primary | None, table: GeometryColumns | None, lines: Any, fraction: float
) -> Batch:
    if primary is None:
        return locate(Batch(record_batch, None, lines, fraction), table)
    column = record_batch.column(primary.column)
    others = record_batch.select([n for n in record_batch.schema.names if n != primary.column])
    geometry, closed = _geometries(column, primary.encoding)
    batch = Batch(others.replace_schema_metadata(None), geometry, lines, fraction)
    unread = column.is_valid().to_numpy(zero_copy_only=False) & shapely.is_missing(geometry)
    batch.reject(unread, "bad_geometry", UNREADABLE)
    batch.repaired("unclosed_ring", closed)
    return batch


def _geometries(column: pa.Array, encoding: str) -> tuple[Geometries, int]:
    """Return a geometry column, and the number of rows whose rings were closed."""
    if isinstance(column, pa.ExtensionArray):
        column = column.storage
    if is_binary(column.type):
        geometry, closed = from_wkb(np.asarray(column.to_numpy(zero_copy_only=False), dtype=object))
        return geometry, int(closed.sum())
    there = column.is_valid().to_numpy(zero_copy_only=False)
    shapes: Geometries = np.full(len(column), None, dtype=object)
    shapes[there] = _native(column.drop_null(), encoding)
    return shapes, 0


def _native(column: pa.Array, encoding: str) -> Geometries:
    """Return the geometries of GeoArrow: lists of lists of coordinates, as deep as the geometry type needs."""
    offsets = []
    for _ in range(_DEPTH.get(encoding, 0)):
        offsets.append(np.asarray(column.offsets) - column.offsets[0].as_py())
        column = column.flatten()
    if pa.types.is_struct(column.type):
        xy = np.column_stack([column.field(axis).to_numpy(zero_copy_only=False) for axis in ("x", "y")])
    else:
        xy = column.flatten().to_numpy(zero_copy_only=False).reshape(len(column), -1)[:, :2]
    if not offsets:
        points: Geometries = shapely.points(xy)
        return points
    kind = shapely.GeometryType[encoding.upper()]
    made: Geometries = shapely.from_ragged_array(kind, np.ascontiguousarray(xy), tuple(reversed(offsets)))
    return made
