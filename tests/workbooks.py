"""XLSX files in memory."""

from __future__ import annotations

import io
from collections.abc import Iterable

import openpyxl


def workbook(*rows: Iterable[object]) -> bytes:
    """Return a workbook with these rows in its first sheet."""
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    body = io.BytesIO()
    book.save(body)
    return body.getvalue()
