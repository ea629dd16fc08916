"""CSV: text in any of the encodings Chinese offices use, read in blocks."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from layers.errors import BadFile
from layers.loaders.batch import Batch, Mask, Rejection, Source
from layers.loaders.columns import GeometryColumns, PointColumns, WktColumn, find_geometry_columns, locate

LINE_BYTES_MAX = 8 * 1024**2  # the parser lets a line pass that spans two blocks of that size
COLUMNS_MAX = 1000
_BROKEN_CHARACTERS_MAX = 2000
_BLOCK_BYTES = 1024**2
_ENCODINGS = ("utf-8", "gb18030")


def open_csv(path: Path, *, declared: Mapping[str, str], encoding: str | None = None) -> Source:
    """Open a CSV file (comma, semicolon or tab), whose first line names its columns.

    Parameters
    ----------
    path
        The file.
    declared
        Columns of the coordinates, by `lon`, `lat`, `x`, `y`, `wkt`; by default they are found by their names.
    encoding
        By default UTF-8 (with or without a byte order mark) where the whole file is that, else GB18030, which holds
        GBK and GB2312; UTF-16 by its mark.

    Raises
    ------
    BadFile
        When it is in no encoding known, its first line is no header, or a line is longer than `LINE_BYTES_MAX`.
    """
    encoding = _known(path, encoding) if encoding else detect_encoding(path)
    header = _header_line(path, encoding)
    delimiter = max(",\t;", key=header.count)
    columns = _column_names(path, header, delimiter)
    geometry = find_geometry_columns(path.name, columns, declared)
    hidden = geometry_names(geometry)
    return Source(
        name=path.name,
        format="CSV",
        columns=pa.schema([(c, pa.string()) for c in columns if c not in hidden]),
        has_geometry=geometry is not None,
        crs=None,
        batches=lambda: _read(path, columns, delimiter, encoding, geometry),
        geometry_columns=hidden,
        untyped=True,
        notes=(f"encoding {encoding}",),
    )


def geometry_names(geometry: GeometryColumns | None) -> tuple[str, ...]:
    """Names of the columns the geometry is made of; empty when there is none."""
    match geometry:
        case PointColumns(x, y):
            return (x, y)
        case WktColumn(wkt):
            return (wkt,)
        case None:
            return ()


def detect_encoding(path: Path) -> str:
    """Read a text file once to tell its encoding.

    Raises
    ------
    BadFile
        When it is neither UTF-8, UTF-16 with a mark, nor GB18030, or has NUL bytes.
    """
    with path.open("rb") as file:
        head = file.read(4)
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    possible = {name: codecs.getincrementaldecoder(name)() for name in _ENCODINGS}
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            if b"\0" in block:
                raise BadFile(f"'{path.name}' is not a text file: it has NUL bytes", parameter=path.name)
            possible = {name: decoder for name, decoder in possible.items() if _decodes(decoder, block)}
    possible = {name: decoder for name, decoder in possible.items() if _decodes(decoder, b"", final=True)}
    if not possible:
        raise BadFile(f"'{path.name}' is neither UTF-8 nor GBK; declare its --encoding", parameter=path.name)
    return next(name for name in _ENCODINGS if name in possible)


def _decodes(decoder: codecs.IncrementalDecoder, block: bytes, *, final: bool = False) -> bool:
    try:
        decoder.decode(block, final)
    except UnicodeDecodeError:
        return False
    return True


def _known(path: Path, encoding: str) -> str:
    try:
        return codecs.lookup(encoding).name
    except LookupError as error:
        raise BadFile(
            f"there is no encoding '{encoding}'; usual are utf-8, gbk, utf-16", parameter=path.name
        ) from error


def _header_line(path: Path, encoding: str) -> str:
    with path.open("rb") as file:
        start = file.read(_BLOCK_BYTES)
    text = codecs.getincrementaldecoder(encoding)("replace").decode(start).removeprefix("\ufeff")
    lines = text.lstrip("\r\n").splitlines()
    if not lines or not lines[0].strip():
        raise BadFile(f"'{path.name}' has no line that names its columns", parameter=path.name)
    return lines[0]


def _column_names(path: Path, header: str, delimiter: str) -> list[str]:
    try:
        names = [n.strip() for n in next(csv.reader([header], delimiter=delimiter))]
    except (csv.Error, StopIteration) as error:
        raise BadFile(
            f"the first line of '{path.name}' does not name its columns: {error}", parameter=path.name
        ) from error
    names = [name or f"column_{i}" for i, name in enumerate(names, 1)]
    if len(names) > COLUMNS_MAX:
        raise BadFile(f"'{path.name}' has {len(names)} columns; at most {COLUMNS_MAX}", parameter=path.name)
    twice = sorted({n for n in names if names.count(n) > 1})
    if twice:
        raise BadFile(f"'{path.name}' names columns twice: {', '.join(twice[:10])}", parameter=path.name)
    return names


@dataclass(frozen=True, slots=True)
class _Broken:
    """A line with too few or too many cells."""

    row: int
    text: str
    detail: str


def _read(
    path: Path, columns: list[str], delimiter: str, encoding: str, geometry: GeometryColumns | None
) -> Iterator[Batch]:
    broken: list[_Broken] = []

    def on_broken(row: pacsv.InvalidRow) -> str:
        detail = f"the line has {row.actual_columns} cells, the first line names {row.expected_columns}"
        broken.append(_Broken(row.number, row.text[:_BROKEN_CHARACTERS_MAX], detail))
        return "skip"

    size = path.stat().st_size
    try:
        with path.open("rb") as raw:
            reader = pacsv.open_csv(
                pa.PythonFile(raw, "r"),
                pacsv.ReadOptions(
                    use_threads=False, block_size=LINE_BYTES_MAX, column_names=columns, encoding=encoding
                ),
                pacsv.ParseOptions(
                    delimiter=delimiter,
                    newlines_in_values=True,
                    ignore_empty_lines=False,
                    invalid_row_handler=on_broken,
                ),
                pacsv.ConvertOptions(
                    column_types=dict.fromkeys(columns, pa.string()), strings_can_be_null=True, null_values=[""]
                ),
            )
            yield from _numbered(reader, broken, geometry, lambda: min(1.0, raw.tell() / size))
    except pa.ArrowInvalid as error:
        raise BadFile(_explained(path, error), parameter=path.name) from error
    except UnicodeError as error:
        raise BadFile(f"'{path.name}' is not {encoding}: {error}", parameter=path.name) from error


def _explained(path: Path, error: pa.ArrowInvalid) -> str:
    if "straddling" in str(error):
        return f"'{path.name}' has a line longer than {LINE_BYTES_MAX} bytes, or a quote that is never closed"
    return f"'{path.name}' cannot be read: {str(error)[:300]}"


def _numbered(
    reader: pacsv.CSVStreamingReader,
    broken: list[_Broken],
    geometry: GeometryColumns | None,
    fraction: Callable[[], float],
) -> Iterator[Batch]:
    """Give each row the line it stands on: broken rows are stepped over, newlines inside quotes add up."""
    next_row, header_seen, inner_before = 1, False, 0
    for block in reader:
        rows, next_row = _row_numbers(next_row, block.num_rows, broken)
        inner = np.cumsum(_inner_newlines(block))
        lines = rows + inner_before + np.concatenate([[0], inner[:-1]])
        inner_before += int(inner[-1]) if len(inner) else 0
        filled = _filled(block)
        if not header_seen and filled.any():
            filled[int(np.argmax(filled))] = False
            header_seen = True
        batch = Batch(block.filter(pa.array(filled)), None, lines[filled], fraction())
        _refuse(batch, [b for b in broken if b.row < next_row])
        broken[:] = [b for b in broken if b.row >= next_row]
        yield locate(batch, geometry)
    if broken:
        batch = Batch(_empty(reader.schema), None, np.empty(0, np.int64), 1.0)
        _refuse(batch, broken)
        yield locate(batch, geometry)


def _row_numbers(first: int, count: int, broken: list[_Broken]) -> tuple[npt.NDArray[np.int64], int]:
    """Count rows from `first` on, stepping over the broken ones; give also the next number."""
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


def _filled(block: pa.RecordBatch) -> Mask:
    """Tell which rows hold anything: a line without anything is no row."""
    filled = np.zeros(block.num_rows, dtype=np.bool_)
    for column in block.columns:
        if filled.all():
            break
        filled |= column.is_valid().to_numpy(zero_copy_only=False)
    return filled


def _refuse(batch: Batch, broken: list[_Broken]) -> None:
    batch.refused.extend(Rejection(b.row, "broken_line", b.detail, {"line": b.text}) for b in broken)


def _empty(schema: pa.Schema) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([pa.nulls(0, f.type) for f in schema], schema=schema)
