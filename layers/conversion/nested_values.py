"""Lists and objects of a source, as the texts that PostgreSQL reads."""

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
    """Write a list as PostgreSQL reads an array; a text is a JSON array, or parts between commas. None when empty.

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
    """Write a value as PostgreSQL's jsonb takes it; a text must be JSON, and an empty one is nothing.

    Raises
    ------
    ValueError
        When a text is no JSON, or holds a NUL, which jsonb has not.
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
    """Write a value as JSON; times as RFC 3339, decimals with all their digits as text."""
    return orjson.dumps(value, default=_other_json).decode()


def _other_json(value: Any) -> Any:
    if isinstance(value, Decimal):
        return f"{value:f}"
    return value.isoformat() if isinstance(value, date | datetime) else repr(value)
