"""A frame writes what `canonical` writes of the same record."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from layers.audit.canonical import canonical
from layers.audit.frame import RecordFrame
from layers.audit.record import AuditRecord
from tests.layers.audit.test_canonical import records

moments_ms = st.integers(0, 4_102_444_800_000)


def likeness(record: AuditRecord) -> AuditRecord:
    """What the others of its kind share with a record."""
    return replace(record, origin=replace(record.origin, request_id="another"), object="another", rows=7)


def as_written(record: AuditRecord, at_ms: int) -> str:
    frame = RecordFrame(likeness(record))
    return frame.text(
        at_ms,
        record.object,
        request_id=record.origin.request_id,
        rows=record.rows,
        duration_ms=record.duration_ms,
        filters=record.filters,
    )


@given(records(), moments_ms, st.none() | st.integers(), st.sampled_from(["", "admin"]))
def test_a_frame_writes_what_canonical_does(record: AuditRecord, at_ms: int, duration_ms: int | None, purpose: str):
    record.at = datetime.fromtimestamp(at_ms / 1000, UTC)
    record.duration_ms, record.purpose = duration_ms, purpose
    text = as_written(record, at_ms)
    assert text == canonical(replace(record, audit_id=json.loads(text)["audit_id"]))
