"""XLSX: the first sheet, or a named one, row by row."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime, time
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pyarrow as pa
from openpyxl.utils.exceptions import InvalidFileException

from layers.errors import BadFile
from layers.loaders.archive import check_archive
from layers.loaders.batch import Batch, Source
from layers.loaders.columns import GeometryColumns, find_geometry_columns, locate
from layers.loaders.table import COLUMNS_MAX, geometry_names

BATCH_ROWS = 10_000
_HEADER_ROWS_MAX = 20


def open_xlsx(path: Path, *, declared: Mapping[str, str], layer: str | None = None) -> Source:
    """Open a spreadsheet; the first row with anything in it names the columns.

    Parameters
    ----------
    path
        The file.
    declared
        Columns of the coordinates, by `lon`, `lat`, `x`, `y`, `wkt`; by default they are found by their names.
    layer
        Name of the sheet; by default the first.

    Raises
    ------
    BadFile
        When it is broken, would unpack to far more than its size, or has no such sheet or no header.
    """
    check_archive(path)
    with _rows(path, layer) as rows:
        header_row, columns = _header(path, rows)
    geometry = find_geometry_columns(path.name, columns, declared)
    hidden = geometry_names(geometry)
    return Source(
        name=path.name,
        format="XLSX",
        columns=pa.schema([(c, pa.string()) for c in columns if c not in hidden]),
        has_geometry=geometry is not None,
        crs=None,
        batches=lambda: _read(path, layer, header_row, columns, geometry),
        geometry_columns=hidden,
        untyped=True,
    )


@contextmanager
def _rows(path: Path, sheet: str | None) -> Iterator[Iterator[tuple[Any, ...]]]:
    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True, keep_links=False)
    except (InvalidFileException, zipfile.BadZipFile, KeyError, ValueError, OSError, SyntaxError) as error:
        raise BadFile(f"'{path.name}' is not a spreadsheet that can be read: {error}", parameter=path.name) from error
    try:
        names = book.sheetnames
        if sheet is not None and sheet not in names:
            raise BadFile(f"'{path.name}' has no sheet '{sheet}'; it has {', '.join(names)}", parameter=path.name)
        yield book[sheet or names[0]].iter_rows(values_only=True)
    except (zipfile.BadZipFile, ValueError, SyntaxError, EOFError, OSError) as error:
        raise BadFile(f"'{path.name}' breaks off or is damaged: {error}", parameter=path.name) from error
    finally:
        book.close()


def _header(path: Path, rows: Iterator[tuple[Any, ...]]) -> tuple[int, list[str]]:
    for number, row in enumerate(islice(rows, _HEADER_ROWS_MAX), 1):
        if any(cell is not None for cell in row):
            names = ["" if cell is None else str(cell).strip() for cell in row]
            while names and not names[-1]:
                names.pop()
            names = [name or f"column_{i}" for i, name in enumerate(names, 1)]
            if len(set(names)) < len(names) or len(names) > COLUMNS_MAX:
                raise BadFile(f"row {number} of '{path.name}' must name each column once", parameter=path.name)
            return number, names
    raise BadFile(f"'{path.name}' has no row that names its columns", parameter=path.name)


def _read(
    path: Path, sheet: str | None, header_row: int, columns: list[str], geometry: GeometryColumns | None
) -> Iterator[Batch]:
    with _rows(path, sheet) as rows:
        numbered = enumerate(rows, 1)
        for _ in islice(numbered, header_row):
            pass
        filled = ((number, row) for number, row in numbered if any(cell is not None for cell in row))
        while chunk := list(islice(filled, BATCH_ROWS)):
            lines = np.array([number for number, _ in chunk], dtype=np.int64)
            cells = [[row[i] if i < len(row) else None for _, row in chunk] for i in range(len(columns))]
            record_batch = pa.RecordBatch.from_arrays([_column(c) for c in cells], names=columns)
            yield locate(Batch(record_batch, None, lines), geometry)


def _column(cells: list[Any]) -> pa.Array:
    """Keep a column of one kind as it is; a mixed one becomes text."""
    kinds = {type(cell) for cell in cells if cell is not None}
    if kinds <= {int, float} and kinds:
        return pa.array([None if c is None else float(c) for c in cells], pa.float64())
    if kinds in ({datetime}, {bool}):
        return pa.array(cells)
    return pa.array([None if cell is None else _text(cell) for cell in cells], pa.string())


def _text(cell: Any) -> str:
    if isinstance(cell, datetime | date | time):
        return cell.isoformat()
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell)
