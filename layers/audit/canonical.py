"""The canonical text of a record: the same record has the same bytes everywhere, so that its hash can be checked.

The form is JSON by RFC 8785 with these restrictions: one object, whose values are texts, whole numbers, lists of texts
and objects of both; no fractions. Keys are sorted, there is no white space, and what is unknown or empty is left out.
Texts are cut to a length and hold no control characters, so that no record exceeds `BODY_BYTES_MAX`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import orjson

from layers.audit.record import AuditRecord, AuditSubject
from layers.errors import TooMuch

BODY_BYTES_MAX = 32_768
_TEXT_MAX = 200
_LIST_MAX = 16
ID_MAX = 60
"""Characters of an id or a name."""
_INTEGER_MAX = 2**53 - 1  # RFC 8785: numbers are those of ECMAScript
_CONTROL = dict.fromkeys([*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029], " ")

type Value = str | int | list[str] | dict[str, Value]


def canonical(record: AuditRecord) -> str:
    """Return the text of a record.

    Raises
    ------
    TooMuch
        When it would exceed `BODY_BYTES_MAX`; the limits of its parts keep a record of OneMap below.
    """
    return canonical_json(_fields(record))


def canonical_json(fields: Mapping[str, Any]) -> str:
    """Return an object as canonical JSON, without the keys whose value is None or empty.

    Raises
    ------
    TooMuch
        When it would exceed `BODY_BYTES_MAX`.
    """
    kept = {key: value for key, value in fields.items() if value or value == 0}
    text = orjson.dumps(kept, option=orjson.OPT_SORT_KEYS)
    if len(text) > BODY_BYTES_MAX:
        raise TooMuch(f"a record of the audit has {len(text)} bytes; at most {BODY_BYTES_MAX}", parameter="audit")
    return text.decode()


def timestamp(moment: datetime) -> str:
    """Return a moment in UTC with milliseconds: ``2026-06-08T01:02:03.456Z``."""
    utc = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    return utc.isoformat(timespec="milliseconds")[:-6] + "Z"


def _fields(record: AuditRecord) -> dict[str, Value | None]:
    origin = record.origin
    return _subject(record.subject) | {
        "audit_id": plain_text(record.audit_id, ID_MAX),
        "at": timestamp(record.at),
        "client_ip": plain_text(origin.client_ip, ID_MAX),
        "device": plain_text(origin.device),
        "request_id": plain_text(origin.request_id, ID_MAX),
        "action": record.action.value,
        "object": plain_text(record.object),
        "filter_summary": plain_object(record.filters),
        "purpose": plain_text(record.purpose),
        "max_grade_touched": record.max_grade,
        "fields_grade3": _texts(record.sensitive_fields),
        "row_count": whole_number(record.rows),
        "requests": whole_number(record.count) if record.count != 1 else None,
        "decision": record.decision.value,
        "rule_id": plain_text(record.rule_id),
        "result_code": record.result_code,
        "duration_ms": whole_number(record.duration_ms),
        "detail": plain_object(record.detail),
    }


@lru_cache(maxsize=1024)
def _subject(subject: AuditSubject) -> dict[str, Value | None]:
    """Return the known fields about a subject, the same in all its records; they are not changed."""
    fields: dict[str, Value | None] = {
        "subject_id": plain_text(subject.id),
        "subject_name_masked": plain_text(subject.name_masked, 8),
        "role": _texts(subject.roles),
        "org": plain_text(subject.org),
        "area_scope": _texts(subject.areas),
        "session_id": plain_text(subject.session_id, ID_MAX),
        "auth_method": plain_text(subject.method, ID_MAX),
    }
    return {key: value for key, value in fields.items() if value}


def plain_text(text: str, length_max: int = _TEXT_MAX) -> str:
    """Return a text without control characters and lone surrogates, cut to a length in characters."""
    if text.isprintable() and len(text) <= length_max:
        return text  # as nearly all are
    clean = text[:length_max].translate(_CONTROL).encode("utf-8", "replace").decode()
    return clean if len(text) <= length_max else clean[:-1] + "…"


def _texts(texts: Iterable[str]) -> list[str]:
    every = list(texts)
    if not every:
        return every
    more = [f"… {len(every) - _LIST_MAX} more"] if len(every) > _LIST_MAX else []
    return [plain_text(text, ID_MAX) for text in every[:_LIST_MAX]] + more


def whole_number(number: int | None) -> int | None:
    """Return a number within what JSON's readers take for a whole number; None stays None."""
    if number is None or -_INTEGER_MAX <= number <= _INTEGER_MAX:
        return number
    return _INTEGER_MAX if number > 0 else -_INTEGER_MAX


def plain_object(mapping: Mapping[str, str | int]) -> dict[str, Value]:
    """Return the first eight pairs by key, with plain texts and whole numbers."""
    if not mapping:
        return {}
    chosen = sorted(mapping.items())[:8]
    return {
        plain_text(key, 40): plain_text(value, 120) if isinstance(value, str) else whole_number(value) or 0
        for key, value in chosen
    }
