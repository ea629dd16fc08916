"""Rows of positions and observations in PostgreSQL's binary format, written once for history and for the state.

The driver would convert every value of every row, for each table again. Here repeated values are converted once: the
names of a thing, the codes of an area, a time that many rows share; a row joins them with one call of `struct`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from struct import Struct
from typing import Any

import asyncpg

_HEAD, _END = b"PGCOPY\n\xff\r\n\0" + bytes(8), b"\xff\xff"
_NULL = b"\xff\xff\xff\xff"
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_COUNT, _LENGTH = Struct(">h").pack, Struct(">i").pack
_MOMENT, _REAL = Struct(">iq").pack, Struct(">if").pack
_WHOLE, _REVISED = Struct(">ii").pack, Struct(">iiiq").pack
_PLACE, _MOTION = Struct(">iqidid").pack, Struct(">iqididifif").pack
_MEASURED = Struct(">iqid").pack
_POSITION, _OBSERVATION = _COUNT(9), _COUNT(8)  # the number of columns of a row


async def copy(
    connection: asyncpg.Connection, table: str, columns: Sequence[str], rows: Iterable[bytes], schema: str = "twin"
) -> None:
    """Copy rows into a table, in the open transaction."""
    source = bytearray().join((_HEAD, *rows, _END))  # the driver takes bytes for the name of a file
    await connection.copy_to_table(table, schema_name=schema, columns=columns, source=source, format="binary")


def positions(rows: Iterable[tuple[Any, ...]]) -> list[bytes]:
    """Encode rows of layer, id, time, lon, lat, speed, heading, grid code and area code."""
    written: list[bytes] = []
    last, micros = _EPOCH, 0
    for layer, name, time, lon, lat, speed, heading, grid, area in rows:
        if time is not last:
            last, micros = time, _micros(time)
        if speed is None or heading is None:
            motion = _PLACE(8, micros, 8, lon, 8, lat) + _real(speed) + _real(heading)
        else:
            motion = _MOTION(8, micros, 8, lon, 8, lat, 4, speed, 4, heading)
        written.append(_POSITION + _texts(layer, name) + motion + _texts(grid, area))
    return written


def observations(rows: Iterable[tuple[Any, ...]]) -> list[bytes]:
    """Encode rows of id, property, time, value, value as text, unit, quality and grid code."""
    written: list[bytes] = []
    last, micros = _EPOCH, 0
    for name, code, time, value, value_text, unit, quality, grid in rows:
        if time is not last:
            last, micros = time, _micros(time)
        measured = _MOMENT(8, micros) + _NULL if value is None else _MEASURED(8, micros, 8, value)
        text = _NULL if value_text is None else _text(value_text)
        written.append(_OBSERVATION + _texts(name, code) + measured + text + _texts(unit, quality) + _cached_text(grid))
    return written


def with_moments(rows: Iterable[bytes], moments: Iterable[datetime | None]) -> list[bytes]:
    """Add a column to encoded rows: a time, or NULL."""
    return [
        _COUNT(int.from_bytes(row[:2]) + 1) + row[2:] + (_NULL if moment is None else _MOMENT(8, _micros(moment)))
        for row, moment in zip(rows, moments, strict=True)
    ]


def with_revisions(rows: Iterable[bytes], revisions: Iterable[tuple[int, datetime | None]]) -> list[bytes]:
    """Add two columns to encoded rows: a version, and the time it was sent, or NULL."""
    return [
        _COUNT(int.from_bytes(row[:2]) + 2)
        + row[2:]
        + (_WHOLE(4, version) + _NULL if sent is None else _REVISED(4, version, 8, _micros(sent)))
        for row, (version, sent) in zip(rows, revisions, strict=True)
    ]


def _micros(time: datetime) -> int:
    since = time - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def _real(value: float | None) -> bytes:
    return _NULL if value is None else _REAL(4, value)


def _text(value: str | None) -> bytes:
    if value is None:
        return _NULL
    encoded = value.encode()
    return _LENGTH(len(encoded)) + encoded


_cached_text = lru_cache(16_384)(_text)


@lru_cache(131_072)
def _texts(first: str | None, second: str | None) -> bytes:
    return _text(first) + _text(second)
