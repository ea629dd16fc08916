"""Rows of files that are dropped: CSV in the encodings of Chinese offices, XLSX, NDJSON."""

from __future__ import annotations

import codecs
import csv
import io
import zipfile
from collections.abc import Iterator
from typing import Any

import openpyxl
import orjson

from twin.envelope_refused import Reason, Refusal, Refused, raw_of, shown

type Row = tuple[int, dict[str, Any]]  # the line it stands on, from 1, and its fields by name

FILE_BYTES_MAX = 64 * 1024 * 1024
UNZIPPED_BYTES_MAX = 512 * 1024 * 1024
ROWS_MAX = 500_000
COLUMNS_MAX = 500
_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


def read_rows(body: bytes, file_name: str, encoding: str | None = None) -> tuple[list[Row], list[Refusal]]:
    """Read all rows of a file at once; as `each_row`.

    Raises
    ------
    Refused
        When the file as a whole cannot be read.
    """
    rows: list[Row] = []
    refused: list[Refusal] = []
    for one in each_row(body, file_name, encoding):
        if isinstance(one, Refusal):
            refused.append(one)
        else:
            rows.append(one)
    return rows, refused


def each_row(body: bytes, file_name: str, encoding: str | None = None) -> Iterator[Row | Refusal]:
    """Read the rows of a file one by one, known by its name: ``.xlsx``, ``.ndjson``, ``.jsonl``, ``.json``; else CSV.

    Yields
    ------
    tuple or Refusal
        Rows without anything in them are left out. A row that cannot be read does not keep its neighbours.

    Raises
    ------
    Refused
        When the file as a whole cannot be read, which may turn out at any row.
    """
    if len(body) > FILE_BYTES_MAX:
        raise Refused(Reason.TOO_LARGE, f"{file_name} has {len(body)} bytes; at most {FILE_BYTES_MAX}")
    ending = file_name.lower().rpartition(".")[2]
    if ending in {"ndjson", "jsonl", "json"}:
        rows = _json_rows(_text(body, encoding))
    else:
        rows = _rows(_sheet(body) if ending == "xlsx" else _lines(_text(body, encoding)))
    for count, row in enumerate(rows, 1):
        if count > ROWS_MAX:
            raise Refused(Reason.TOO_MANY, f"the file has more than {ROWS_MAX} rows")
        yield row


def _text(body: bytes, encoding: str | None) -> str:
    """Decode: by its mark, as declared, as UTF-8 where the whole is that, else as GB18030, which holds GBK."""
    marked = next((name for mark, name in _MARKS.items() if body.startswith(mark)), None)
    for name in filter(None, (marked, encoding, "utf-8", "gb18030")):
        try:
            text = body.decode(name)
        except (UnicodeDecodeError, LookupError):
            if name in {marked, encoding}:
                break
            continue
        if "\0" in text:
            break
        return text
    raise Refused(Reason.BAD_ENCODING, f"the file is not {marked or encoding or 'UTF-8 or GBK'} text")


def _lines(text: str) -> Iterator[tuple[int, list[Any]]]:
    header = text[: text.find("\n") + 1] or text
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(",\t;", key=header.count), strict=True)
    try:
        for cells in reader:
            yield reader.line_num, cells
    except csv.Error as error:
        raise Refused(Reason.NOT_A_TABLE, f"line {reader.line_num} is no CSV: {error}") from error


def _sheet(body: bytes) -> Iterator[tuple[int, list[Any]]]:
    book = _workbook(body)
    try:
        for line, cells in enumerate(book.worksheets[0].iter_rows(values_only=True), 1):
            yield line, list(cells)
    except Exception as error:
        raise Refused(Reason.NOT_A_TABLE, f"the workbook cannot be read: {error}") from error
    finally:
        book.close()


def _workbook(body: bytes) -> openpyxl.Workbook:
    """Open a workbook; on a stranger's bytes its parsers raise whatever they meet."""
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
        if size <= UNZIPPED_BYTES_MAX:
            return openpyxl.load_workbook(io.BytesIO(body), read_only=True, data_only=True)
    except Exception as error:
        raise Refused(Reason.NOT_A_TABLE, f"not a workbook: {error}") from error
    raise Refused(Reason.TOO_LARGE, f"the workbook unpacks to {size} bytes; at most {UNZIPPED_BYTES_MAX}")


def _rows(lines: Iterator[tuple[int, list[Any]]]) -> Iterator[Row | Refusal]:
    names: list[str] | None = None
    for line, cells in lines:
        if not any(cell not in {None, ""} for cell in cells):
            continue
        if names is None:
            names = _names(cells)
        elif len(cells) > len(names) and any(cell not in {None, ""} for cell in cells[len(names) :]):
            detail = f"the row has {len(cells)} cells, the first row names {len(names)}"
            yield Refusal(line, Reason.NOT_A_TABLE, detail, raw_of(cells))
        else:
            yield line, {n: c for n, c in zip(names, cells, strict=False) if n and c not in {None, ""}}
    if names is None:
        raise Refused(Reason.NOT_A_TABLE, "the file has no row that names its columns")


def _names(cells: list[Any]) -> list[str]:
    names = ["" if cell is None else str(cell).strip() for cell in cells]
    while names and not names[-1]:
        names.pop()
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if twice or len(names) > COLUMNS_MAX:
        fault = f"names columns twice: {', '.join(twice[:10])}" if twice else f"has {len(names)} columns"
        raise Refused(Reason.NOT_A_TABLE, f"the first row {fault}")
    return names


def _json_rows(text: str) -> Iterator[Row | Refusal]:
    for line, written in enumerate(_json_lines(text), 1):
        if not written.strip():
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
    """Cut at line feeds only, one by one: a file of lines need not be held twice."""
    at = 0
    while at < len(text):
        end = text.find("\n", at)
        end = len(text) if end < 0 else end
        yield text[at:end]
        at = end + 1
