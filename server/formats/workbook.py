"""A workbook for people who work in a spreadsheet: one sheet of the features, one of what is known of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from layers.errors import TooMuch
from server.formats.cells import CellBatches
from server.formats.columnar import ColumnFormat, ColumnHead

if TYPE_CHECKING:
    from openpyxl import Workbook

_CELL_CHARS_MAX = 32_767
_LOCAL = "Asia/Shanghai"
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkbookFormat(ColumnFormat):
    """Office Open XML; times are written in China Standard Time, because its cells know no zone."""

    def write(self, head: ColumnHead, batches: Iterable[pa.RecordBatch]) -> Iterator[bytes]:
        """Yield the file once it is whole; its rows wait on disk, not in memory."""
        from openpyxl import Workbook  # noqa: PLC0415  # a fifth of a second at every start

        cells = CellBatches(head.shape, _local)
        book = Workbook(write_only=True)
        sheet = book.create_sheet(head.name[:31])
        try:
            sheet.append(cells.names)
            for batch in cells.of(batches):
                for row in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                    sheet.append([_writable(value, str(row[0])) for value in row])
            facts = book.create_sheet("说明 about")
            for name, text in {**head.about, **head.watermark}.items():
                facts.append([name, _writable(text, name)])
            yield _saved(book, head.workspace)
        finally:
            _clean(book)


def _clean(book: Workbook) -> None:
    """Remove the files of rows of a book that was given up; `save` has removed those of any other."""
    for sheet in book.worksheets:
        writer: Any = getattr(
            sheet, "_writer", None
        )  # openpyxl removes them when the process ends, which may be in weeks
        if writer is not None and Path(writer.out).exists():
            sheet.close()
            writer.cleanup()


def _saved(book: Workbook, workspace: Path) -> bytes:
    with TemporaryDirectory(dir=workspace) as folder:
        path = Path(folder) / "book.xlsx"
        book.save(path)
        return path.read_bytes()


def _writable(value: object, row: str) -> object:
    """Return a value as a cell takes it: without control characters, which XML cannot hold.

    Raises
    ------
    TooMuch
        When a text is longer than a cell.
    """
    if not isinstance(value, str):
        return value
    if len(value) > _CELL_CHARS_MAX:
        raise TooMuch(
            f"row '{row[:80]}' has a text of {len(value):,} characters and a cell takes {_CELL_CHARS_MAX:,}; leave it "
            "out by properties or skipGeometry, or take csv or gpkg",
            parameter="f",
        )
    return _CONTROLS.sub("", value)


def _local(times: pa.Array) -> pa.Array:
    return pc.local_timestamp(times.cast(pa.timestamp("us", tz=_LOCAL)))


XLSX = WorkbookFormat(
    f="xlsx",
    type="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    title="Excel",
    ending="xlsx",
    rows_max=1_048_575,
)
