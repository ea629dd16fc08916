"""Columns of many rows in one row: numbers and times as bytes, which need no object each to be read.

Reading two thousand rows one by one takes longer than finding them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from typing import Any, Literal

import numpy as np

type PackedKind = Literal["time", "number", "integer", "text"]
_WRITTEN: Mapping[PackedKind, str] = {
    "time": "string_agg(timestamptz_send({}), '')",
    "number": "string_agg(float8send(coalesce({}, 'NaN')), '')",
    "integer": "string_agg(int8send({}), '')",
    "text": "CASE WHEN count({0}) > 0 THEN array_agg({0}) END",
}
_EPOCH = np.datetime64("2000-01-01", "us")


def pack(kinds: Mapping[str, PackedKind], rows: str) -> str:
    """Return the statement of one row, with `number` and a packed column for each of some columns of other rows.

    Parameters
    ----------
    kinds
        Kinds of the columns by name; a time and an integer are never null, and a number is never NaN.
    rows
        The statement of the rows, whose order stays.
    """
    columns = ", ".join(f"{_WRITTEN[kind].format(f'q.{name}')} AS {name}" for name, kind in kinds.items())
    return f"SELECT count(*) AS number, {columns} FROM ({rows}) AS q"


def unpack(kinds: Mapping[str, PackedKind], row: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Return the columns of a packed row: times in UTC, None for what is null."""
    return {name: _values(kind, row[name], row["number"]) for name, kind in kinds.items()}


def _values(kind: PackedKind, packed: Any, number: int) -> list[Any]:
    if kind == "text":
        return packed or [None] * number
    if kind == "number":
        numbers = np.frombuffer(packed or b"", dtype=">f8")
        missing = np.flatnonzero(np.isnan(numbers)).tolist()
        values: list[Any] = numbers.tolist()
        for n in missing:
            values[n] = None
        return values
    integers = np.frombuffer(packed or b"", dtype=">i8").astype(np.int64)
    if kind == "integer":
        return integers.tolist()
    return [moment.replace(tzinfo=UTC) for moment in (integers.astype("timedelta64[us]") + _EPOCH).tolist()]
