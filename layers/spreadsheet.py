"""Cells of CSV as a spreadsheet shows them, and never runs them."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import datetime

_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # full-width ones run too
GUARDED = f"^'([{re.escape(''.join(_STARTS))}])"
"""Regular expression of a guarded text; its group is what the apostrophe stands before."""


def guarded(text: str) -> str:
    """Put an apostrophe before what a spreadsheet would run as a formula; a plain number stays what it is.

    Examples
    --------
    >>> guarded("=1+1"), guarded("-1.5"), guarded("天河")
    ("'=1+1", '-1.5', '天河')
    """
    if not text.startswith(_STARTS):
        return text
    with suppress(ValueError):
        float(text)
        return text
    return f"'{text}"


def cell(value: object) -> object:
    """Write a value of the database; each member of a list is guarded, for some spreadsheets split at semicolons."""
    match value:
        case str():
            return guarded(value)
        case datetime():
            return value.isoformat()
        case list():
            return ";".join(guarded(str(member)) for member in value)
        case _:
            return value
