"""Dates as the file has them, where GDAL would change the day: it rolls the 30th of February over into March.

Runs in the reader's own process, see `gdal_reader.py`.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import date
from pathlib import Path
from urllib.parse import quote

import numpy as np

type Written = dict[str, dict[int, str]]  # by column and number of the feature

_DATE_BYTES = 8


def in_geopackage(path: str, layer: str, columns: list[str], key: str) -> Written:
    """Return the dates and times of a GeoPackage's table that do not exist, or are not in the standard's form.

    Parameters
    ----------
    columns, key
        Its columns of dates and times, and the column of the features' numbers.
    """
    found: Written = {}
    with closing(sqlite3.connect(f"file:{quote(path)}?mode=ro&immutable=1", uri=True)) as database:
        database.execute("PRAGMA trusted_schema = OFF")
        for column in columns:
            name, day = _quote(column), f"substr({_quote(column)}, 1, 10)"
            rows = database.execute(
                f"SELECT {_quote(key)}, {name} FROM {_quote(layer)} WHERE typeof({name}) = 'text'"
                f" AND (date({day}, '+0 days') IS NOT {day} OR datetime({name}) IS NULL)"
            )
            found[column] = {int(number): str(text) for number, text in rows}
    return {column: texts for column, texts in found.items() if texts}


def in_dbf(path: Path, columns: list[str]) -> Written:
    """Return the dates of a `.dbf` that do not exist.

    Parameters
    ----------
    columns
        Names of its date columns, in the file's order.
    """
    with path.open("rb") as file:
        head = file.read(32)
        rows, start, width = (int.from_bytes(head[a:b], "little") for a, b in ((4, 8), (8, 10), (10, 12)))
        fields = file.read(max(0, start - 32))
    there = max(0, path.stat().st_size - start) // max(1, width)
    records = np.memmap(path, np.uint8, "r", start, (min(rows, there), width)) if min(rows, there) else None
    found: Written = {}
    offset, dates = 1, iter(columns)
    for field in (fields[at : at + 32] for at in range(0, len(fields) - 31, 32)):
        if field[11:12] == b"D" and records is not None and (name := next(dates, None)) is not None:
            texts = np.ascontiguousarray(records[:, offset : offset + _DATE_BYTES]).view(f"S{_DATE_BYTES}").ravel()
            odd = {text for text in np.unique(texts).tolist() if not _is_date(text)}
            rows_of = np.flatnonzero(np.isin(texts, list(odd))).tolist() if odd else []
            found[name] = {row: texts[row].decode("latin-1").strip() for row in rows_of}
        offset += field[16]
    return {column: texts for column, texts in found.items() if texts}


def _is_date(text: bytes) -> bool:
    plain = text.decode("latin-1").strip(" \0")
    if plain in {"", "0", "00000000"}:
        return True  # no date at all
    try:
        date(int(plain[:4]), int(plain[4:6]), int(plain[6:]))
    except ValueError:
        return False
    return True


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
