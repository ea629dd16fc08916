"""Cells of CSV that a spreadsheet shows and never runs as formulas."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import datetime

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
