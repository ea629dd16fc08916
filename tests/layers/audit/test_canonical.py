"""The canonical text: one text for a record, bounded, without control characters."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layers.audit.canonical import BODY_BYTES_MAX, canonical, canonical_json, timestamp
from layers.audit.record import AuditAction, AuditChain, AuditOrigin, AuditRecord, AuditSubject, local_subject
from layers.errors import TooMuch

anything = st.text(st.characters(), max_size=400)
long = st.sampled_from(["𠮷" * 10_000, '"\\' * 5_000, "\0\x1f" * 5_000, "\ud800" * 5_000])
texts = st.one_of(anything, long)
mappings = st.dictionaries(texts, st.one_of(texts, st.integers()), max_size=20)


@st.composite
def records(draw: st.DrawFn) -> AuditRecord:
    subject = AuditSubject(
        draw(texts), draw(texts), tuple(draw(st.lists(texts, max_size=40))), draw(texts), tuple(draw(st.lists(texts)))
    )
    return AuditRecord(
        action=draw(st.sampled_from(AuditAction)),
        object=draw(texts),
        subject=subject,
        origin=AuditOrigin(draw(texts), draw(texts), draw(texts)),
        filters=draw(st.dictionaries(texts, texts)),
        sensitive_fields=tuple(draw(st.lists(texts, max_size=100))),
        rows=draw(st.none() | st.integers()),
        detail=draw(mappings),
    )


@given(records())
def test_any_record_is_one_bounded_line_of_sorted_json(record: AuditRecord):
    text = canonical(record)
    assert len(text.encode()) <= BODY_BYTES_MAX
    assert not any(ord(c) < 0x20 for c in text)
    parsed: dict[str, Any] = json.loads(text)
    assert text == json.dumps(parsed, sort_keys=True, separators=(",", ":"), ensure_ascii=False), "RFC 8785"
    assert "\\u0000" not in text, "jsonb refuses it"


def test_what_is_unknown_is_left_out():
    record = AuditRecord(action=AuditAction.READ, object="grids", subject=AuditSubject("u1"))
    assert set(json.loads(canonical(record))) == {"action", "at", "audit_id", "decision", "object", "subject_id"}


def test_the_name_is_masked_and_rows_of_zero_are_said():
    subject = AuditSubject("u1", name="张三丰")
    found = json.loads(canonical(AuditRecord(action=AuditAction.READ, object="grids", subject=subject, rows=0)))
    assert (found["subject_name_masked"], found["row_count"]) == ("张**", 0)


def test_times_are_utc_with_milliseconds():
    beijing = timezone(timedelta(hours=8))
    assert timestamp(datetime(2026, 6, 8, 9, 2, 3, 456789, beijing)) == "2026-06-08T01:02:03.456Z"
    assert timestamp(datetime(2026, 6, 8, tzinfo=UTC)) == "2026-06-08T00:00:00.000Z"


def test_a_record_too_large_is_refused():
    with pytest.raises(TooMuch, match="at most 32768"):
        canonical_json({"detail": "x" * BODY_BYTES_MAX})


@pytest.mark.parametrize(
    ("action", "grade", "chain"),
    [
        (AuditAction.READ, 2, AuditChain.GENERAL),
        (AuditAction.READ, 3, AuditChain.SENSITIVE),
        (AuditAction.WRITE, None, AuditChain.GENERAL),
        (AuditAction.LOGIN, None, AuditChain.SENSITIVE),
        (AuditAction.EXPORT, 1, AuditChain.GENERAL),
        (AuditAction.EXPORT, 2, AuditChain.SENSITIVE),
    ],
)
def test_the_chain_follows_data_and_action(action: AuditAction, grade: int | None, chain: AuditChain):
    assert AuditRecord(action=action, object="x", subject=local_subject(), max_grade=grade).chain == chain
