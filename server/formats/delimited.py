"""CSV in UTF-8 with a byte order mark, which spreadsheets need to read Chinese; geometries as WKT."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from layers.spreadsheet import cell
from server.formats.written import TableFormat

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvFormat(TableFormat):
    """One line of column names, then a line for each feature (RFC 4180)."""

    def write(self, names: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
        """Return the table; no cell is run as a formula."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\r\n")
        writer.writerow(names)
        writer.writerows([cell(value) for value in row] for row in rows)
        return _BYTE_ORDER_MARK + out.getvalue().encode()


CSV = CsvFormat(f="csv", type="text/csv; charset=utf-8", title="CSV", single=False, export=True)
