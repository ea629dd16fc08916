"""Lists and objects of a source, written as text for PostgreSQL."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import orjson

from layers.conversion.number_text import number_text

_LIST_SEPARATORS = re.compile(r"[、,，;；|]")


def list_text(value: Any) -> str | None:
    """Return a list as PostgreSQL's array text; a text is a JSON array, or parts between commas. None when empty.

    Raises
    ------
    ValueError
        When a text begins like a JSON array and is none.
    """
    if isinstance(value, str):
        text = value.strip()
        parts: Sequence[Any] = orjson.loads(text) if text.startswith("[") else _LIST_SEPARATORS.split(text)
    else:
        parts = value if isinstance(value, list) else [value]
    written = (number_text(p) if isinstance(p, float) else str(p) for p in parts if p is not None)
    kept = [p.strip().replace("\0", "") for p in written if p.strip()]
    quoted = ('"' + p.replace("\\", "\\\\").replace('"', '\\"') + '"' for p in kept)
    return "{" + ",".join(quoted) + "}" if kept else None


def json_value(value: Any) -> str | None:
    """Return a value as text for jsonb; a text must be JSON, and an empty one is None.

    Raises
    ------
    ValueError
        When a text is no JSON, or holds a NUL, which jsonb cannot store.
    """
    if isinstance(value, str):
        if not value.strip():
            return None
        value = orjson.loads(value)
    text = json_text(value)
    if "\\u0000" in text:
        raise ValueError("PostgreSQL's jsonb holds no NUL")
    return text


def json_text(value: Any) -> str:
    """Return a value as JSON; times as RFC 3339, decimals as text with all their digits."""
    return orjson.dumps(value, default=_other_json).decode()


def _other_json(value: Any) -> Any:
    if isinstance(value, Decimal):
        return f"{value:f}"
    return value.isoformat() if isinstance(value, date | datetime) else repr(value)
