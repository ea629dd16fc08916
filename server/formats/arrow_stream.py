"""Arrow's IPC stream with geometries marked as GeoArrow's WKB: read without a copy, from the first batch on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import orjson
import pyarrow as pa

from layers.columns.shape import ColumnShape
from server.formats.columnar import Chunks, ColumnFormat, ColumnHead
from server.formats.projection import projjson


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrowStreamFormat(ColumnFormat):
    """A schema, then batches as they come from the database, compressed by LZ4."""

    def write(self, head: ColumnHead, batches: Iterable[pa.RecordBatch]) -> Iterator[bytes]:
        """Yield a batch at a time."""
        sink, schema = Chunks(), marked(head)
        options = pa.ipc.IpcWriteOptions(compression="lz4")
        with pa.ipc.new_stream(pa.PythonFile(sink, mode="w"), schema, options=options) as writer:
            for batch in batches:
                writer.write_batch(pa.RecordBatch.from_arrays(batch.columns, schema=schema))
                yield sink.take()
        yield sink.take()


def marked(head: ColumnHead) -> pa.Schema:
    """Return the schema of an answer with the extension type of its geometries, its facts and its watermark."""
    facts = {"onemap": orjson.dumps({**head.about, "layer": head.name})}
    if head.watermark:
        facts["onemap:watermark"] = orjson.dumps(head.watermark)
    return geoarrow(head.shape).with_metadata(facts)


def geoarrow(shape: ColumnShape) -> pa.Schema:
    """Return the schema of a shape, whose geometries are GeoArrow's."""
    schema = shape.schema
    if shape.geometry is None:
        return schema
    known = projjson(shape.crs)
    system = {"crs": known, "crs_type": "projjson"} if known else {}
    extension = {"ARROW:extension:name": "geoarrow.wkb", "ARROW:extension:metadata": orjson.dumps(system)}
    at = schema.get_field_index(shape.geometry)
    return schema.set(at, schema.field(at).with_metadata(extension))


ARROW = ArrowStreamFormat(
    f="arrow", type="application/vnd.apache.arrow.stream", title="GeoArrow", aliases=("geoarrow",), ending="arrows"
)
