"""CSV in UTF-8 with a byte order mark, which spreadsheets need to read Chinese; places as lon, lat or as WKT."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from server.formats.cells import CellBatches
from server.formats.columnar import Chunks, ColumnFormat, ColumnHead

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_ISO = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvFormat(ColumnFormat):
    """One line of column names, then a line for each feature (RFC 4180); texts, also codes, stand in quotes."""

    def write(self, head: ColumnHead, batches: Iterable[pa.RecordBatch]) -> Iterator[bytes]:
        """Yield the lines of a batch at a time."""
        sink, cells = Chunks(), CellBatches(head.shape, _as_iso)
        sink.write(_BYTE_ORDER_MARK)
        with csv.CSVWriter(pa.PythonFile(sink, mode="w"), cells.empty().schema) as writer:
            for batch in cells.of(batches):
                writer.write_batch(batch)
                yield sink.take()
        yield sink.take()


def _as_iso(times: pa.Array) -> pa.Array:
    return pc.strftime(times, format=_ISO)


CSV = CsvFormat(f="csv", type="text/csv; charset=utf-8", title="CSV", ending="csv", compresses=True)
