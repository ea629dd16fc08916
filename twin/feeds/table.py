"""Rows of files that are dropped: CSV in the encodings of Chinese offices, XLSX, NDJSON."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain, islice
from typing import Any

import orjson

from layers.errors import BadFile, TooLargeFile
from layers.loaders.csv_head import read_head
from layers.loaders.encoding import MARK, as_utf8, find_encoding
from layers.loaders.header import HEAD_ROWS, find_header
from layers.loaders.workbook import open_sheet
from twin.envelope.refused import Reason, Refusal, Refused, raw_of, shown

type TableRow = tuple[int, dict[str, Any]]  # its line, from 1, and its fields by name

type _Line = tuple[int, list[Any]]  # its line, from 1, and its cells

FILE_BYTES_MAX = 64 * 1024 * 1024
ROWS_MAX = 500_000


def read_rows(body: bytes, file_name: str, encoding: str | None = None) -> tuple[list[TableRow], list[Refusal]]:
    """Read all rows of a file at once, as `each_row`.

    Raises
    ------
    Refused
        When the file as a whole cannot be read.
    """
    rows: list[TableRow] = []
    refused: list[Refusal] = []
    for one in each_row(body, file_name, encoding):
        if isinstance(one, Refusal):
            refused.append(one)
        else:
            rows.append(one)
    return rows, refused


def each_row(body: bytes, file_name: str, encoding: str | None = None) -> Iterator[TableRow | Refusal]:
    """Read the rows of a file one by one, known by its name: ``.xlsx``, ``.ndjson``, ``.jsonl``, ``.json``; else CSV.

    Yields
    ------
    tuple or Refusal
        Empty rows are left out. A row that cannot be read is a Refusal; the others follow.

    Raises
    ------
    Refused
        When the file as a whole cannot be read; this may happen at any row.
    """
    if len(body) > FILE_BYTES_MAX:
        raise Refused(Reason.TOO_LARGE, f"{file_name} has {len(body)} bytes; at most {FILE_BYTES_MAX}")
    ending = file_name.lower().rpartition(".")[2]
    if ending in {"ndjson", "jsonl", "json"}:
        rows = _json_rows(_text(body, file_name, encoding))
    else:
        rows = _rows(
            _sheet(body, file_name) if ending == "xlsx" else _lines(_text(body, file_name, encoding), file_name)
        )
    for count, row in enumerate(rows, 1):
        if count > ROWS_MAX:
            raise Refused(Reason.TOO_MANY, f"the file has more than {ROWS_MAX} rows")
        yield row


def _text(body: bytes, file_name: str, encoding: str | None) -> str:
    """Decode as the loaders of layers do, by the whole body; bytes that are no text are marked."""
    file = io.BytesIO(body)
    with _in_our_words(Reason.BAD_ENCODING):
        found = find_encoding(file_name, file, encoding)
    try:
        text = b"".join(as_utf8(file, found)).decode()
    except UnicodeError as error:
        raise Refused(Reason.BAD_ENCODING, f"the file is not {found.name} text") from error
    if "\0" in text:
        raise Refused(Reason.BAD_ENCODING, "the file is not text: it has NUL characters")
    return text


@contextmanager
def _in_our_words(reason: Reason) -> Iterator[None]:
    try:
        yield
    except BadFile as error:
        raise Refused(Reason.TOO_LARGE if isinstance(error, TooLargeFile) else reason, error.message) from error


def _lines(text: str, file_name: str) -> Iterator[_Line]:
    with _in_our_words(Reason.NOT_A_TABLE):
        head = read_head(file_name, text)
    yield head.lines, head.columns
    below = text.encode()[head.utf8_bytes :].decode()
    reader = csv.reader(io.StringIO(below, newline=""), delimiter=head.delimiter, strict=True)
    try:
        for cells in reader:
            yield head.lines + reader.line_num, cells
    except csv.Error as error:
        raise Refused(Reason.NOT_A_TABLE, f"line {head.lines + reader.line_num} is no CSV: {error}") from error


def _sheet(body: bytes, file_name: str) -> Iterator[_Line]:
    with _in_our_words(Reason.NOT_A_TABLE), open_sheet(io.BytesIO(body), file_name) as sheet:
        filled = (
            (n, list(cells)) for n, cells in enumerate(sheet.rows, 1) if any(cell not in {None, ""} for cell in cells)
        )
        above = list(islice(filled, HEAD_ROWS))
        header = find_header(file_name, [cells for _, cells in above])
        yield above[header.last][0], header.columns
        yield from chain(above[header.last + 1 :], filled)


def _has_any(cells: Iterable[Any]) -> bool:
    return any(cell not in {None, ""} for cell in cells)


def _rows(lines: Iterator[_Line]) -> Iterator[TableRow | Refusal]:
    """Yield the rows with the names of the first line."""
    _, names = next(lines)
    for line, cells in lines:
        if not _has_any(cells):
            continue
        if _has_any(cells[len(names) :]):
            detail = f"the row has {len(cells)} cells, the first row names {len(names)}"
            yield Refusal(line, Reason.NOT_A_TABLE, detail, raw_of(cells))
        elif any(isinstance(cell, str) and MARK in cell for cell in cells):
            shown_cells = [cell.replace(MARK, "\ufffd") if isinstance(cell, str) else cell for cell in cells]
            yield Refusal(line, Reason.BAD_ENCODING, "the row has bytes that are no text", raw_of(shown_cells))
        else:
            yield line, {n: c for n, c in zip(names, cells, strict=False) if c not in {None, ""}}


def _json_rows(text: str) -> Iterator[TableRow | Refusal]:
    for line, written in enumerate(_json_lines(text), 1):
        if not written.strip():
            continue
        if MARK in written:
            kept = written.replace(MARK, "\ufffd").encode()
            yield Refusal(line, Reason.BAD_ENCODING, "the line has bytes that are no text", kept)
            continue
        try:
            row = orjson.loads(written)
        except orjson.JSONDecodeError as error:
            yield Refusal(line, Reason.NOT_JSON, f"not JSON: {error}", written.encode())
            continue
        if type(row) is dict:
            yield line, row
        else:
            yield Refusal(line, Reason.WRONG_TYPE, f"a row is an object, not {shown(row)}", written.encode())


def _json_lines(text: str) -> Iterator[str]:
    """Yield lines, cut at line feeds only; one by one, so that the file is not held twice."""
    at = 0
    while at < len(text):
        end = text.find("\n", at)
        end = len(text) if end < 0 else end
        yield text[at:end]
        at = end + 1
