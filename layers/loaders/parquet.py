"""GeoParquet, and Parquet with coordinates in columns."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import shapely

from layers.errors import BadFile
from layers.loaders.batch import Batch, Geometries, Source
from layers.loaders.columns import GeometryColumns, find_geometry_columns, locate
from layers.loaders.table import geometry_names

BATCH_ROWS = 50_000
_POINT = {"point"}  # GeoParquet 1.1's native encodings besides WKB that are seen in the wild


def open_parquet(path: Path, *, declared: Mapping[str, str]) -> Source:
    """Open a GeoParquet file (WKB or native points), or a Parquet file whose columns hold coordinates or WKT.

    Raises
    ------
    BadFile
        When it is damaged, or its geometry is encoded in a way that is not read.
    """
    with _opened(path) as file:
        schema, rows = file.schema_arrow, file.metadata.num_rows
        geo = _geo(path, schema)
    primary = geo.get("primary_column") if geo else None
    described = geo["columns"][primary] if geo else {}
    encoding = str(described.get("encoding", "WKB"))
    if primary and encoding.lower() not in {"wkb"} | _POINT:
        raise BadFile(f"'{path.name}' encodes its geometry as '{encoding}'; WKB is read", parameter=path.name)
    located = None if primary else find_geometry_columns(path.name, schema.names, declared)
    hidden = (primary,) if primary else geometry_names(located)
    others = [
        f.remove_metadata() for f in schema if f.name not in hidden and f.name not in (geo or {}).get("columns", {})
    ]
    return Source(
        name=path.name,
        format="GeoParquet" if primary else "Parquet",
        columns=pa.schema(others),
        has_geometry=bool(primary or located),
        crs=_crs(described) if primary else None,
        batches=lambda: _read(path, primary, located, rows),
        geometry_columns=() if primary else hidden,
        total_rows=rows,
    )


def _opened(path: Path) -> pq.ParquetFile:
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


def _crs(described: dict[str, Any]) -> str | None:
    """Say what the column's reference system is: PROJJSON; CRS84 where the key is absent; unknown where it is null."""
    if "crs" not in described:
        return "OGC:CRS84"
    return None if described["crs"] is None else json.dumps(described["crs"])


def _read(path: Path, primary: str | None, located: GeometryColumns | None, total: int) -> Iterator[Batch]:
    first = 1
    with _opened(path) as file:
        try:
            for record_batch in file.iter_batches(batch_size=BATCH_ROWS):
                record_batch.validate(full=True)
                lines = np.arange(first, first + record_batch.num_rows, dtype=np.int64)
                first += record_batch.num_rows
                fraction = (first - 1) / max(total, 1)
                yield _batch(record_batch, primary, located, lines, fraction)
        except (pa.ArrowException, OSError) as error:
            raise BadFile(f"'{path.name}' breaks off or is damaged: {error}", parameter=path.name) from error


def _batch(
    record_batch: pa.RecordBatch, primary: str | None, located: GeometryColumns | None, lines: Any, fraction: float
) -> Batch:
    if primary is None:
        return locate(Batch(record_batch, None, lines, fraction), located)
    column = record_batch.column(primary)
    others = record_batch.select([n for n in record_batch.schema.names if n != primary])
    geometry = _geometries(column)
    batch = Batch(others.replace_schema_metadata(None), geometry, lines, fraction)
    unread = column.is_valid().to_numpy(zero_copy_only=False) & shapely.is_missing(geometry)
    batch.reject(unread, "bad_geometry", "the geometry is not WKB that can be read")
    return batch


def _geometries(column: pa.Array) -> Geometries:
    if isinstance(column, pa.ExtensionArray):
        column = column.storage
    if pa.types.is_struct(column.type):
        xy = np.column_stack([column.field(axis).to_numpy(zero_copy_only=False) for axis in ("x", "y")])
        points: Geometries = shapely.points(xy)
        points[column.is_null().to_numpy(zero_copy_only=False)] = None
        return points
    wkb = np.asarray(column.to_numpy(zero_copy_only=False), dtype=object)
    read: Geometries = shapely.from_wkb(wkb, on_invalid="ignore")
    return read
