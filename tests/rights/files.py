"""Files of features as what they tell: everything but the moment in which they were made."""

from __future__ import annotations

import io
import sqlite3
import tempfile
import zipfile
from pathlib import Path

import openpyxl
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio.raw

_PASSING = {"read_at", "at", "request_id", "watermark_at", "watermark_request_id", "sha256", "bytes"}
_CLOCKS = {"last_change", "timestamp"}


def told(kind, content):
    """Return what a file tells, by its media type; None for a type that is no such file."""
    read = _READERS.get(kind)
    return None if read is None or not content else read(content)


def _parquet(content):
    file = pq.ParquetFile(io.BytesIO(content))
    groups = [_statistics(file.metadata.row_group(number)) for number in range(file.num_row_groups)]
    return _table(file.read(), file.metadata.metadata), groups


def _statistics(group):
    columns = (group.column(number) for number in range(group.num_columns))
    return [(one.path_in_schema, one.statistics and one.statistics.to_dict()) for one in columns]


def _arrow(content):
    table = pa.ipc.open_stream(content).read_all()
    return _table(table, table.schema.metadata)


def _table(table, facts):
    known = {key: _lasting(orjson.loads(text)) for key, text in (facts or {}).items() if key != b"ARROW:schema"}
    return str(table.schema.remove_metadata()), table.to_pylist(), known


def _lasting(facts):
    return {name: value for name, value in facts.items() if name not in _PASSING}


def _flatgeobuf(content):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.fgb"
        path.write_bytes(content)
        info = pyogrio.read_info(path)
        _, _, shapes, columns = pyogrio.raw.read(path, datetime_as_string=True)
    facts = {name: str(value) for name, value in info.items() if name != "layer_metadata"}
    return facts, _lasting(info["layer_metadata"] or {}), list(shapes), [list(map(str, one)) for one in columns]


def _geopackage(content):
    with sqlite3.connect(":memory:") as base:
        base.deserialize(content)
        tables = [name for (name,) in base.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
        return {name: _rows(base, name) for name in tables}


def _rows(base, table):
    found = base.execute(f'SELECT * FROM "{table}"')
    names = [one[0] for one in found.description]
    rows = [{n: v for n, v in zip(names, row, strict=True) if n not in _CLOCKS} for row in found]
    return [row for row in rows if not any("read_at" in str(value) for value in row.values())]


def _workbook(content):
    book = openpyxl.load_workbook(io.BytesIO(content))
    sheets = {sheet.title: list(sheet.iter_rows(values_only=True)) for sheet in book.worksheets}
    return {title: [row for row in rows if row[0] not in _PASSING] for title, rows in sheets.items()}


def _zip(content):
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    manifest = orjson.loads(files.pop("manifest.json"))
    layers = [_lasting(layer) for layer in manifest.pop("layers")]
    tables = {name: _parquet(file) for name, file in files.items() if name.endswith(".parquet")}
    return _lasting(manifest), layers, tables


_READERS = {
    "application/zip": _zip,
    "application/vnd.apache.parquet": _parquet,
    "application/vnd.apache.arrow.stream": _arrow,
    "application/flatgeobuf": _flatgeobuf,
    "application/geopackage+sqlite3": _geopackage,
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": _workbook,
}
