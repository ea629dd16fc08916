"""CSV that spreadsheets read, with cells that they show and never run as formulas."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # full-width ones run too
GUARDED = f"^'([{re.escape(''.join(STARTS))}])"
"""Regular expression of a guarded text; its group is the text after the apostrophe."""


def guarded(text: str) -> str:
    """Return a text with an apostrophe before it if a spreadsheet would run it as a formula; numbers stay unchanged.

    Examples
    --------
    >>> guarded("=1+1"), guarded("-1.5"), guarded("天河")
    ("'=1+1", '-1.5', '天河')
    """
    if not text.startswith(STARTS):
        return text
    with suppress(ValueError):
        float(text)
        return text
    return f"'{text}"


def cell(value: object) -> object:
    """Return a database value as a cell; members of a list are guarded, for some programs split at semicolons."""
    match value:
        case str():
            return guarded(value)
        case datetime():
            return value.isoformat()
        case list():
            return ";".join(guarded(str(member)) for member in value)
        case _:
            return value


def csv_lines(names: Sequence[str], rows: Iterable[Mapping[str, Any]], *, head: bool = True) -> bytes:
    """Return rows as CSV in UTF-8; before the line of names stands the byte order mark that Chinese needs.

    Parameters
    ----------
    head
        Whether the line of names comes first; without it the lines continue others.
    """
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\r\n")
    if head:
        writer.writerow(names)
    writer.writerows([cell(row.get(name)) for name in names] for row in rows)
    return (b"\xef\xbb\xbf" if head else b"") + lines.getvalue().encode()
