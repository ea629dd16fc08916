"""GeoJSON of rows that were made in memory, such as those of a join; PostgreSQL writes that of layers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import orjson
import pyarrow as pa
import shapely

from layers.columns.places import geometries_of
from layers.columns.shape import ID
from server.formats.columnar import ColumnFormat, ColumnHead

_DIGITS = {"degree": 7, "metre": 3}


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureRowsFormat(ColumnFormat):
    """A FeatureCollection, its axes in the official order; a column `id` is the id of the features."""

    def write(self, head: ColumnHead, batches: Iterable[pa.RecordBatch]) -> Iterator[bytes]:
        """Yield the features of a batch at a time."""
        members: dict[str, object] = {"type": "FeatureCollection", "numberReturned": head.rows}
        members |= {"watermark": dict(head.watermark)} if head.watermark else {}
        members |= _datum(head)
        yield orjson.dumps(members)[:-1] + b',"features":['
        before = b""
        for batch in batches:
            if batch.num_rows:
                yield before + b",".join(self._features(head, batch))
                before = b","
        yield b"]}"

    @staticmethod
    def _features(head: ColumnHead, batch: pa.RecordBatch) -> Iterator[bytes]:
        crs = head.shape.crs
        datum = _datum(head)
        order = slice(None, None, -1 if crs.flips else 1)  # the official order, as in `/items`
        rounded = shapely.transform(
            geometries_of(batch.columns[-1]), lambda xy: np.round(xy[:, order], _DIGITS[crs.unit])
        )
        texts = shapely.to_geojson(rounded).tolist()
        for row, text in zip(batch.select(batch.schema.names[:-1]).to_pylist(), texts, strict=True):
            own = {"id": row.pop(ID)} if ID in row else {}
            shape = None if text is None else orjson.Fragment(text)
            yield orjson.dumps({"type": "Feature", **own, **datum, "geometry": shape, "properties": row})


def _datum(head: ColumnHead) -> dict[str, str]:
    datum = head.shape.crs.datum
    return {} if datum is None else {"datum": datum}


FEATURE_ROWS = FeatureRowsFormat(
    f="json", type="application/geo+json", title="GeoJSON", aliases=("geojson",), ending="geojson", compresses=True
)
