"""The canonical text of records that differ in little: what they share is written once.

Reads of one person are many and alike. A frame keeps everything of their texts but when, what, how many, how long and
in which request.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from secrets import token_hex

import orjson

from layers.audit.canonical import BODY_BYTES_MAX, ID_MAX, canonical, plain_object, plain_text, timestamp, whole_number
from layers.audit.record import AuditRecord
from layers.errors import TooMuch

_OWN = ("at", "audit_id", "duration_ms", "filter_summary", "object", "request_id", "row_count")
"""Keys of what each record has of its own, sorted as they stand in its text."""
_BYTES_A_CHARACTER = 4


class RecordFrame:
    """Writes records that are like one, each with an id of its own, as `canonical` does.

    Parameters
    ----------
    like
        What they share; its own time, id, duration, filters, object, request and rows do not matter.
    """

    def __init__(self, like: AuditRecord) -> None:
        shared = {key: value for key, value in orjson.loads(canonical(like)).items() if key not in _OWN}
        ends = zip(("", *_OWN), (*_OWN, "~"), strict=True)  # each key is before the tilde
        self._pieces = [_members({k: v for k, v in shared.items() if after < k < before}) for after, before in ends]

    def text(
        self,
        at_ms: int,
        thing: str,
        *,
        request_id: str = "",
        rows: int | None = None,
        duration_ms: int | None = None,
        filters: Mapping[str, str] | None = None,
    ) -> str:
        """Return the canonical text of one record.

        Parameters
        ----------
        at_ms
            When: milliseconds since 1970 in UTC.
        thing
            The object.

        Raises
        ------
        TooMuch
            When it would exceed `BODY_BYTES_MAX`.
        """
        first, a, b, c, d, e, f, last = self._pieces
        duration = "" if duration_ms is None else f'"duration_ms":{whole_number(duration_ms)},'
        summary = _members({"filter_summary": plain_object(filters)}) if filters else ""
        what = _member("object", plain_text(thing))
        request = _member("request_id", plain_text(request_id, ID_MAX))
        number = "" if rows is None else f'"row_count":{whole_number(rows)},'
        text = (
            f'{{{first}"at":"{_timestamp(at_ms)}",{a}"audit_id":"{token_hex(16)}",{b}{duration}{c}{summary}'
            f"{d}{what}{e}{request}{f}{number}{last}"
        )
        if len(text) * _BYTES_A_CHARACTER > BODY_BYTES_MAX and len(text.encode()) > BODY_BYTES_MAX:
            raise TooMuch(f"a record of the audit has over {BODY_BYTES_MAX} bytes", parameter="audit")
        return f"{text[:-1]}}}"


def _timestamp(at_ms: int) -> str:
    """Return a moment as `timestamp` does, which takes four times as long."""
    seconds, ms = divmod(at_ms, 1000)
    return f"{_to_the_second(seconds)}.{ms:03d}Z"


@lru_cache(maxsize=16)
def _to_the_second(seconds: int) -> str:
    return timestamp(datetime.fromtimestamp(seconds, UTC)).partition(".")[0]


def _members(fields: Mapping[str, object]) -> str:
    """Return the members of a JSON object, each with a comma behind it."""
    text = orjson.dumps(fields, option=orjson.OPT_SORT_KEYS).decode()[1:-1]
    return text and f"{text},"


def _member(key: str, text: str) -> str:
    return f'"{key}":{orjson.dumps(text).decode()},' if text else ""
