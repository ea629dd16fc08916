"""XLSX: the first sheet, or a named one, row by row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime, time
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from layers.conversion.number_text import number_text
from layers.errors import BadFile
from layers.loaders.batch import Batch, Rejection, Source
from layers.loaders.columns import GeometryColumns, find_geometry_columns, locate
from layers.loaders.header import HEAD_ROWS, find_header
from layers.loaders.table import geometry_names
from layers.loaders.workbook import open_sheet

BATCH_ROWS = 10_000
_LONGEST = 10**15  # a number of more digits is an identity card or a device: it is kept digit by digit

type _Row = tuple[int, tuple[Any, ...]]  # its place in the sheet, from 1, and its cells


def open_xlsx(path: Path, *, declared: Mapping[str, str], layer: str | None = None, located: bool = True) -> Source:
    """Open a spreadsheet; the first row with names in it names the columns, below any titles.

    Parameters
    ----------
    path
        The file.
    declared
        Columns of the coordinates, by `lon`, `lat`, `x`, `y`, `wkt`; found by their names by default.
    layer
        Name of the sheet; by default the first.
    located
        Whether columns of coordinates become geometries.

    Raises
    ------
    BadFile
        When it is broken, would unpack to far more than its size, or has no such sheet or no header.
    """
    with open_sheet(path, path.name, layer) as sheet:
        head = list(islice(_number_rows(sheet.rows), HEAD_ROWS))
    beside = f"sheet {sheet.title}; the others are {', '.join(sheet.others[:20])}" if sheet.others else None
    if not head:
        raise BadFile(
            f"'{path.name}' has nothing in it ({beside or sheet.title}); say --source-layer", parameter=path.name
        )
    header = find_header(path.name, [cells for _, cells in head])
    samples = [cells for _, cells in head[header.last + 1 :]]
    geometry = None if not located else find_geometry_columns(path.name, header.columns, declared, samples)
    hidden = geometry_names(geometry)
    return Source(
        name=path.name,
        format="XLSX",
        columns=pa.schema([(c, pa.string()) for c in header.columns if c not in hidden]),
        has_geometry=geometry is not None,
        crs=None,
        batches=lambda: _read(path, layer, head[header.last][0], header.columns, geometry),
        geometry_columns=hidden,
        untyped=True,
        notes=tuple(filter(None, (beside, header.note))),
    )


def _number_rows(rows: Iterator[tuple[Any, ...]]) -> Iterator[_Row]:
    return ((number, row) for number, row in enumerate(rows, 1) if any(cell not in {None, ""} for cell in row))


def _read(
    path: Path, sheet: str | None, header_row: int, columns: list[str], geometry: GeometryColumns | None
) -> Iterator[Batch]:
    with open_sheet(path, path.name, sheet) as opened:
        below = ((number, row) for number, row in _number_rows(opened.rows) if number > header_row)
        while chunk := list(islice(below, BATCH_ROWS)):
            yield locate(_batch(chunk, columns), geometry)


def _batch(chunk: list[_Row], columns: list[str]) -> Batch:
    """Return a batch of rows; a row with more cells than there are names is refused."""
    width = len(columns)
    long = [(n, row) for n, row in chunk if any(cell not in {None, ""} for cell in row[width:])]
    too_long = {number for number, _ in long}
    good = [(number, row) for number, row in chunk if number not in too_long]
    cells = [[row[i] if i < len(row) else None for _, row in good] for i in range(width)]
    record_batch = pa.RecordBatch.from_arrays([_column(c) for c in cells], names=columns)
    batch = Batch(record_batch, None, np.array([number for number, _ in good], dtype=np.int64))
    for number, row in long:
        detail = f"the row has {len(row)} cells, the first row names {width}"
        batch.refused.append(Rejection(number, "broken_line", detail, {"line": ", ".join(map(_text_or_empty, row))}))
    return batch


def _text_or_empty(cell: Any) -> str:
    return "" if cell is None else _text(cell)


def _column(cells: list[Any]) -> pa.Array:
    """Return a column of one type as it is; a mixed one becomes text."""
    kinds = {type(cell) for cell in cells if cell is not None}
    if kinds <= {int, float} and kinds and all(abs(c) < _LONGEST for c in cells if c is not None):
        return pa.array([None if c is None else float(c) for c in cells], pa.float64())
    if kinds in ({datetime}, {bool}):
        return pa.array(cells)
    return pa.array([None if cell is None else _text(cell) for cell in cells], pa.string())


def _text(cell: Any) -> str:
    if isinstance(cell, datetime) and cell.time() == time.min:
        return cell.date().isoformat()  # a date, which a cell stores as midnight
    if isinstance(cell, datetime | date | time):
        return cell.isoformat()
    if isinstance(cell, bool):
        return str(cell).lower()
    return number_text(cell) if isinstance(cell, float) else str(cell)
