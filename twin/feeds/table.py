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
    """Read the rows of a file, told apart by its name: ``.xlsx``, ``.ndjson``, ``.jsonl``, ``.json``, else CSV.

    Returns
    -------
    rows, refused
        Rows without anything in them are left out. A row that cannot be read does not keep its neighbours.

    Raises
    ------
    Refused
        When the file as a whole cannot be read.
    """
    if len(body) > FILE_BYTES_MAX:
        raise Refused(Reason.TOO_LARGE, f"{file_name} has {len(body)} bytes; at most {FILE_BYTES_MAX}")
    ending = file_name.lower().rpartition(".")[2]
    if ending in {"ndjson", "jsonl", "json"}:
        return _json_rows(_text(body, encoding))
    cells = _sheet(body) if ending == "xlsx" else _lines(_text(body, encoding))
    return _rows(cells)


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


def _rows(lines: Iterator[tuple[int, list[Any]]]) -> tuple[list[Row], list[Refusal]]:
    names: list[str] | None = None
    rows: list[Row] = []
    refused: list[Refusal] = []
    for line, cells in lines:
        if not any(cell not in {None, ""} for cell in cells):
            continue
        if names is None:
            names = _names(cells)
        elif len(cells) > len(names) and any(cell not in {None, ""} for cell in cells[len(names) :]):
            detail = f"the row has {len(cells)} cells, the first row names {len(names)}"
            refused.append(Refusal(line, Reason.NOT_A_TABLE, detail, raw_of(cells)))
        else:
            rows.append((line, {n: c for n, c in zip(names, cells, strict=False) if n and c not in {None, ""}}))
        if len(rows) + len(refused) > ROWS_MAX:
            raise Refused(Reason.TOO_MANY, f"the file has more than {ROWS_MAX} rows")
    if names is None:
        raise Refused(Reason.NOT_A_TABLE, "the file has no row that names its columns")
    return rows, refused


def _names(cells: list[Any]) -> list[str]:
    names = ["" if cell is None else str(cell).strip() for cell in cells]
    while names and not names[-1]:
        names.pop()
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if twice or len(names) > COLUMNS_MAX:
        fault = f"names columns twice: {', '.join(twice[:10])}" if twice else f"has {len(names)} columns"
        raise Refused(Reason.NOT_A_TABLE, f"the first row {fault}")
    return names


def _json_rows(text: str) -> tuple[list[Row], list[Refusal]]:
    rows: list[Row] = []
    refused: list[Refusal] = []
    for line, written in enumerate(text.split("\n"), 1):
        if not written.strip():
            continue
        if len(rows) + len(refused) >= ROWS_MAX:
            raise Refused(Reason.TOO_MANY, f"the file has more than {ROWS_MAX} rows")
        try:
            row = orjson.loads(written)
        except orjson.JSONDecodeError as error:
            refused.append(Refusal(line, Reason.NOT_JSON, f"not JSON: {error}", written.encode()))
            continue
        if type(row) is dict:
            rows.append((line, row))
        else:
            refused.append(Refusal(line, Reason.WRONG_TYPE, f"a row is an object, not {shown(row)}", written.encode()))
    return rows, refused
