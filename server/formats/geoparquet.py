"""GeoParquet 1.1: columns with statistics, geometries as WKB, a covering box of each for readers that skip by place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from layers.columns.places import bounds_of
from layers.columns.shape import ID, ColumnShape, free_name
from server.formats.columnar import Chunks, ColumnFormat, ColumnHead
from server.formats.projection import projjson

ROW_GROUP_ROWS = 122_880
_SIDES = ("xmin", "ymin", "xmax", "ymax")
_BOX = pa.struct([(side, pa.float64()) for side in _SIDES])
_VARIED = frozenset({ID, "name"})  # whose values hardly repeat


@dataclass(frozen=True, slots=True, kw_only=True)
class GeoParquetFormat(ColumnFormat):
    """A file of row groups of equal size, compressed by zstd."""

    def write(self, head: ColumnHead, batches: Iterable[pa.RecordBatch]) -> Iterator[bytes]:
        """Yield a row group at a time, and the footer last."""
        sink, boxes = Chunks(), _Boxes(head.shape)
        schema = boxes.schema
        writer = pq.ParquetWriter(
            pa.PythonFile(sink, mode="w"),
            schema,
            compression="zstd",
            use_dictionary=_repeated(schema),
            write_page_index=True,
        )
        with writer:
            for group in row_groups(batches):
                writer.write_table(boxes.covered(group), row_group_size=ROW_GROUP_ROWS)
                yield sink.take()
            writer.add_key_value_metadata(_metadata(head, boxes))
        yield sink.take()


def row_groups(batches: Iterable[pa.RecordBatch], rows: int = ROW_GROUP_ROWS) -> Iterator[pa.Table]:
    """Put batches together into tables of equal length; the last one is shorter, and no rows make no table."""
    kept: list[pa.RecordBatch] = []
    number = 0
    for batch in batches:
        left = batch
        while number + left.num_rows >= rows:
            missing = rows - number
            yield pa.Table.from_batches([*kept, left.slice(0, missing)])
            left, kept, number = left.slice(missing), [], 0
        if left.num_rows:
            kept.append(left)
            number += left.num_rows
    if kept:
        yield pa.Table.from_batches(kept)


class _Boxes:
    """Adds the boxes of geometries, and remembers the box of all of them."""

    def __init__(self, shape: ColumnShape) -> None:
        self.column = None if shape.geometry is None else free_name("bbox", shape.schema.names)
        self._geometry = shape.geometry
        self.schema = shape.schema if self.column is None else shape.schema.append(pa.field(self.column, _BOX))
        self._least, self._most = np.full(2, np.inf), np.full(2, -np.inf)

    @property
    def whole(self) -> list[float] | None:
        """The box of all geometries; None when there is none."""
        return [*self._least.tolist(), *self._most.tolist()] if np.isfinite(self._least).all() else None

    def covered(self, rows: pa.Table) -> pa.Table:
        """Return rows with their boxes."""
        if self.column is None:
            return rows
        parts = [self._boxes(part) for part in rows.column(self._geometry).chunks]
        return rows.append_column(self.column, pa.chunked_array(parts, _BOX))

    def _boxes(self, wkb: pa.Array) -> pa.StructArray:
        boxes = bounds_of(wkb)
        known = ~np.isnan(boxes).any(axis=1)
        if known.any():
            self._least = np.minimum(self._least, boxes[known, :2].min(axis=0))
            self._most = np.maximum(self._most, boxes[known, 2:].max(axis=0))
        sides = [pa.array(boxes[:, number]) for number in range(4)]
        return pa.StructArray.from_arrays(sides, fields=list(_BOX), mask=pa.array(~known))


def _repeated(schema: pa.Schema) -> list[str]:
    """Return the columns whose values repeat and are long: texts and lists of them, but no ids and names.

    Numbers, dates and times are smaller as they are: a dictionary of many values is given up late, and has cost twice.
    """
    columns = []
    for one in schema:
        if one.name in _VARIED:
            continue
        if pa.types.is_list(one.type):
            columns.append(f"{one.name}.list.element")
        elif pa.types.is_string(one.type) or pa.types.is_large_string(one.type):
            columns.append(one.name)
    return columns


def _metadata(head: ColumnHead, boxes: _Boxes) -> dict[str, str]:
    found = {"onemap": orjson.dumps({**head.about, "layer": head.name}).decode()}
    if head.watermark:
        found["onemap:watermark"] = orjson.dumps(head.watermark).decode()
    geometry, kind = head.shape.geometry, head.shape.geometry_type
    if geometry is None:
        return found
    column: dict[str, object] = {
        "encoding": "WKB",
        "geometry_types": [] if kind == "Geometry" else [kind],
        "crs": projjson(head.shape.crs),
        "covering": {"bbox": {side: [boxes.column, side] for side in _SIDES}},
    }
    if boxes.whole is not None:
        column["bbox"] = boxes.whole
    geo = {"version": "1.1.0", "primary_column": geometry, "columns": {geometry: column}}
    return {"geo": orjson.dumps(geo).decode(), **found}


GEOPARQUET = GeoParquetFormat(
    f="parquet",
    type="application/vnd.apache.parquet",
    title="GeoParquet",
    aliases=("geoparquet",),
    accepted=("application/parquet", "application/x-parquet"),
    ending="parquet",
)
