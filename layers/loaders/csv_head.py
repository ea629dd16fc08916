"""The beginning of a CSV: its delimiter, and the line that names its columns."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from layers.errors import BadFile
from layers.loaders.header import HEAD_ROWS, find_header

DELIMITERS = ",\t;|"
_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?[ ,;\t]*(?:\r\n|\r|\n|\Z)', re.IGNORECASE)  # Excel's own first line


@dataclass(frozen=True, slots=True)
class CsvHead:
    """The beginning of a CSV.

    Attributes
    ----------
    lines, utf8_bytes
        Size of the header and of all text above it.
    rows
        Some rows below it.
    """

    delimiter: str
    columns: list[str]
    lines: int
    utf8_bytes: int
    rows: list[list[str]]
    note: str | None


@dataclass(frozen=True, slots=True)
class _Record:
    cells: list[str]
    lines: int  # the last line of it, from 1
    end: int  # where it ends in the text


def read_head(name: str, text: str) -> CsvHead:
    """Read the beginning of a CSV.

    Parameters
    ----------
    name
        Name of the file, for messages.
    text
        At least its first `HEAD_ROWS` rows, or all of it.

    Raises
    ------
    BadFile
        When no line names the columns.
    """
    separator = _SEPARATOR_LINE.match(text)
    start = separator.end() if separator else 0
    read = {d: _records(text, start, d) for d in (separator[1] if separator else DELIMITERS)}
    delimiter = max(read, key=lambda d: _agreement(read[d]))
    records = read[delimiter]
    header = find_header(name, [record.cells for record in records])
    last = records[header.last]
    return CsvHead(
        delimiter,
        header.columns,
        last.lines + bool(separator),
        len(text[: last.end].encode()),
        [record.cells for record in records[header.last + 1 :]],
        header.note,
    )


def _records(text: str, start: int, delimiter: str) -> list[_Record]:
    """Return the first rows that are not empty; the reader deals with broken rows further down."""
    consumed = start

    def lines() -> Iterator[str]:
        nonlocal consumed
        for line in io.StringIO(text[start:], newline=""):
            consumed += len(line)
            yield line

    reader = csv.reader(lines(), delimiter=delimiter)

    def filled() -> Iterator[_Record]:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield _Record(cells, reader.line_num, consumed)

    found: list[_Record] = []
    try:
        found.extend(islice(filled(), HEAD_ROWS))
    except csv.Error as error:
        if not found:
            raise BadFile(f"the first line does not name the columns: {error}") from error
    return found


def _agreement(records: list[_Record]) -> tuple[int, int]:
    """Return the number of rows with the usual number of cells, if that is above one, and the first row's cells."""
    counts = [len(record.cells) for record in records if len(record.cells) > 1]
    usual = max(set(counts), key=counts.count, default=0)
    return counts.count(usual) if usual else 0, len(records[0].cells) if records else 0
