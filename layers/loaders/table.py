"""CSV in any encoding that Chinese offices use, read in blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from layers.errors import BadFile
from layers.loaders.batch import Batch, Rejection, Source
from layers.loaders.columns import (
    GeometryColumns,
    PairColumn,
    PointColumns,
    WktColumn,
    find_geometry_columns,
    locate,
)
from layers.loaders.csv_head import CsvHead, read_head
from layers.loaders.encoding import MARK, Encoding, as_utf8, open_checked, refuse_marked
from layers.types import Mask

LINE_BYTES_MAX = 8 * 1024**2  # the parser accepts a line that spans two blocks of that size
_BROKEN_CHARACTERS_MAX = 2000
_HEAD_BYTES = 1024**2


def open_csv(path: Path, *, declared: Mapping[str, str], encoding: str | None = None, located: bool = True) -> Source:
    """Open a CSV file (comma, semicolon, tab or bar), whose first line of names names its columns.

    Parameters
    ----------
    path
        The file.
    declared
        Columns of the coordinates, by `lon`, `lat`, `x`, `y`, `wkt`, `lonlat`, `latlon`; found by their names by
        default.
    encoding
        By default detected from the whole file: UTF-8 (with or without a byte order mark), or GB18030, which includes
        GBK and GB2312; UTF-16 by its mark.
    located
        Whether columns of coordinates become geometries.

    Raises
    ------
    BadFile
        When it is in no known encoding, no line names its columns, or a line is longer than `LINE_BYTES_MAX`.
    """
    found = open_checked(path, encoding)
    head = _head(path, found)
    geometry = None if not located else find_geometry_columns(path.name, head.columns, declared, head.rows)
    hidden = geometry_names(geometry)
    return Source(
        name=path.name,
        format="CSV",
        columns=pa.schema([(c, pa.string()) for c in head.columns if c not in hidden]),
        has_geometry=geometry is not None,
        crs=None,
        batches=lambda: _read(path, head, found, geometry),
        geometry_columns=hidden,
        untyped=True,
        notes=tuple(filter(None, (f"encoding {found.name}", head.note))),
    )


def geometry_names(geometry: GeometryColumns | None) -> tuple[str, ...]:
    """Return the names of the geometry's columns; empty without a geometry."""
    match geometry:
        case PointColumns(x, y):
            return (x, y)
        case WktColumn(one) | PairColumn(one):
            return (one,)
        case None:
            return ()


def _head(path: Path, encoding: Encoding) -> CsvHead:
    start = b""
    try:
        with path.open("rb") as file:
            for block in as_utf8(file, encoding):
                start += block
                if len(start) >= _HEAD_BYTES:
                    break
    except UnicodeError as error:
        raise BadFile(f"'{path.name}' is not {encoding.name}: {error}", parameter=path.name) from error
    head = read_head(path.name, start[:_HEAD_BYTES].decode("utf-8", "ignore"))
    return replace(head, columns=[c.replace(MARK, "\ufffd") for c in head.columns])


class _Below:
    """The UTF-8 of a text after its first bytes, as a file for pyarrow."""

    closed = False

    def __init__(self, blocks: Iterator[bytes], skipped: int) -> None:
        self._blocks, self._skipped, self._rest = blocks, skipped, b""

    def read(self, size: int) -> bytes:
        """Return at most so many bytes; none at the end."""
        while not self._rest:
            block = next(self._blocks, None)
            if block is None:
                return b""
            self._rest = block[self._skipped :]
            self._skipped = max(0, self._skipped - len(block))
        given, self._rest = self._rest[:size], self._rest[size:]
        return given

    def close(self) -> None:
        """Do nothing: the opener of the file closes it."""


@dataclass(frozen=True, slots=True)
class _Broken:
    """A line with too few or too many cells."""

    row: int
    text: str
    detail: str


def _read(path: Path, head: CsvHead, encoding: Encoding, geometry: GeometryColumns | None) -> Iterator[Batch]:
    broken: list[_Broken] = []

    def on_broken(row: pacsv.InvalidRow) -> str:
        detail = f"the line has {row.actual_columns} cells, the first line names {row.expected_columns}"
        broken.append(_Broken(row.number, row.text[:_BROKEN_CHARACTERS_MAX].replace(MARK, "\ufffd"), detail))
        return "skip"

    size = path.stat().st_size
    try:
        with path.open("rb") as raw:
            below = _Below(as_utf8(raw, encoding), head.utf8_bytes)
            reader = pacsv.open_csv(
                pa.PythonFile(below, "r"),
                pacsv.ReadOptions(use_threads=False, block_size=LINE_BYTES_MAX, column_names=head.columns),
                pacsv.ParseOptions(
                    delimiter=head.delimiter,
                    newlines_in_values=True,
                    ignore_empty_lines=False,
                    invalid_row_handler=on_broken,
                ),
                pacsv.ConvertOptions(
                    column_types=dict.fromkeys(head.columns, pa.string()), strings_can_be_null=True, null_values=[""]
                ),
            )
            for batch in _number_rows(reader, broken, head.lines, lambda: min(1.0, raw.tell() / size)):
                if not encoding.clean:
                    refuse_marked(batch, encoding.name)
                yield locate(batch, geometry)
    except pa.ArrowInvalid as error:
        if "Empty CSV file" in str(error):
            return
        raise BadFile(_explain(path, error), parameter=path.name) from error
    except UnicodeError as error:
        raise BadFile(f"'{path.name}' is not {encoding.name}: {error}", parameter=path.name) from error


def _explain(path: Path, error: pa.ArrowInvalid) -> str:
    if "straddling" in str(error):
        return f"'{path.name}' has a line longer than {LINE_BYTES_MAX} bytes, or a quote that is never closed"
    return f"'{path.name}' cannot be read: {str(error)[:300]}"


def _number_rows(
    reader: pacsv.CSVStreamingReader, broken: list[_Broken], above: int, fraction: Callable[[], float]
) -> Iterator[Batch]:
    """Yield batches whose rows have the numbers of their lines, after `above` lines; broken rows are skipped."""
    next_row, inner_before = 1, above
    for block in reader:
        rows, next_row = _row_numbers(next_row, block.num_rows, broken)
        inner = np.cumsum(_inner_newlines(block))
        lines = rows + inner_before + np.concatenate([[0], inner[:-1]])
        inner_before += int(inner[-1]) if len(inner) else 0
        filled = _has_values(block)
        batch = Batch(block.filter(pa.array(filled)), None, lines[filled], fraction())
        _refuse(batch, [b for b in broken if b.row < next_row], above)
        broken[:] = [b for b in broken if b.row >= next_row]
        yield batch
    if broken:
        batch = Batch(_empty(reader.schema), None, np.empty(0, np.int64), 1.0)
        _refuse(batch, broken, above)
        yield batch


def _row_numbers(first: int, count: int, broken: list[_Broken]) -> tuple[npt.NDArray[np.int64], int]:
    """Return the numbers of rows from `first` on, without the broken ones, and the next number."""
    skipped = [b.row for b in broken]
    candidates = np.arange(first, first + count + len(skipped), dtype=np.int64)
    rows = candidates[~np.isin(candidates, skipped)][:count]
    return rows, int(rows[-1]) + 1 if count else first


def _inner_newlines(block: pa.RecordBatch) -> npt.NDArray[np.int64]:
    counts = np.zeros(block.num_rows, dtype=np.int64)
    for column in block.columns:
        if pc.any(pc.match_substring(column, "\n")).as_py():
            counts += pc.fill_null(pc.count_substring(column, "\n"), 0).to_numpy(zero_copy_only=False)
    return counts


def _has_values(block: pa.RecordBatch) -> Mask:
    """Mark the rows with any value: an empty line is no row."""
    filled = np.zeros(block.num_rows, dtype=np.bool_)
    for column in block.columns:
        if filled.all():
            break
        filled |= column.is_valid().to_numpy(zero_copy_only=False)
    return filled


def _refuse(batch: Batch, broken: list[_Broken], above: int) -> None:
    batch.refused.extend(Rejection(b.row + above, "broken_line", b.detail, {"line": b.text}) for b in broken)


def _empty(schema: pa.Schema) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([pa.nulls(0, f.type) for f in schema], schema=schema)
