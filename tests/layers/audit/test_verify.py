"""Whatever is done to a chain behind its back is found."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from layers.audit.anchor import Anchor, AnchorPoint, append_anchor, read_anchors
from layers.audit.chain import GENESIS, StoredRecord, link_hash
from layers.audit.record import AuditChain
from layers.audit.store import ChainHead, append, read_heads
from layers.audit.verify import ChainWalk, verify
from layers.errors import BadFile

NOW = datetime(2026, 11, 29, tzinfo=UTC)
KEY = b"k" * 32


def chain_of(bodies: list[str], begin: datetime = NOW) -> list[StoredRecord]:
    rows, prev = [], GENESIS
    for seq, body in enumerate(bodies, 1):
        at = begin + timedelta(milliseconds=seq)
        rows.append(StoredRecord("general", seq, at, "sha256", body, prev, link_hash("sha256", prev, seq, at, body)))
        prev = rows[-1].hash
    return rows


def head_of(rows: list[StoredRecord]) -> ChainHead:
    return ChainHead("general", rows[-1].seq, "sha256", rows[-1].hash) if rows else ChainHead("general", 0, "", GENESIS)


def walked(rows: list[StoredRecord], head: ChainHead, anchors: tuple[Anchor, ...] = ()) -> ChainWalk:
    walk = ChainWalk("general", {anchor.chains["general"].seq for anchor in anchors})
    for row in rows:
        walk.take(row)
    walk.end(head, anchors, NOW)
    return walk


def anchor_at(rows: list[StoredRecord], at: datetime = NOW) -> Anchor:
    last = head_of(rows)
    return Anchor(at, {"general": AnchorPoint(last.seq, last.hash.hex())})


chains = st.lists(st.text(max_size=20), min_size=2, max_size=12).map(chain_of)


@given(chains)
def test_an_untouched_chain_is_whole(rows: list[StoredRecord]):
    walk = walked(rows, head_of(rows), (anchor_at(rows[:1]), anchor_at(rows)))
    assert walk.fault is None
    assert (walk.first, walk.last, walk.records) == (1, len(rows), len(rows))


@given(chains, st.data())
def test_any_change_of_any_column_is_found(rows: list[StoredRecord], data: st.DataObject):
    at = data.draw(st.integers(0, len(rows) - 1))
    row = rows[at]
    changed = data.draw(
        st.sampled_from(
            [
                replace(row, body=row.body + " "),
                replace(row, body="{}") if row.body != "{}" else replace(row, body="[]"),
                replace(row, stored_at=row.stored_at + timedelta(milliseconds=1)),
                replace(row, alg="md5"),
                replace(row, seq=row.seq + 100),
                replace(row, prev_hash=bytes(31) + b"\1"),
                replace(row, hash=bytes(31) + b"\1"),
            ]
        )
    )
    walk = walked([*rows[:at], changed, *rows[at + 1 :]], head_of(rows))
    assert walk.fault is not None
    assert walk.fault.seq in {row.seq, row.seq + 1, row.seq + 100}


@given(chains, st.data())
def test_a_changed_record_whose_hash_was_made_again_breaks_the_next(rows: list[StoredRecord], data: st.DataObject):
    at = data.draw(st.integers(0, len(rows) - 2))
    row = replace(rows[at], body="forged")
    forged = replace(row, hash=link_hash("sha256", row.prev_hash, row.seq, row.stored_at, row.body))
    if forged.hash == rows[at].hash:
        return
    fault = walked([*rows[:at], forged, *rows[at + 1 :]], head_of(rows)).fault
    assert fault is not None
    assert fault.seq == forged.seq + 1


@given(chains, st.data())
def test_a_removed_a_swapped_and_an_inserted_record_are_found(rows: list[StoredRecord], data: st.DataObject):
    at = data.draw(st.integers(0, len(rows) - 2))
    removed = rows[:at] + rows[at + 1 :]
    swapped = [*rows[:at], rows[at + 1], rows[at], *rows[at + 2 :]]
    bodies_swapped = [
        *rows[:at],
        replace(rows[at], body=rows[at + 1].body),
        replace(rows[at + 1], body=rows[at].body),
        *rows[at + 2 :],
    ]
    inserted = [*rows[: at + 1], rows[at], *rows[at + 1 :]]
    assert walked(removed, head_of(rows)).fault
    assert walked(swapped, head_of(rows)).fault
    assert walked(inserted, head_of(rows)).fault
    assert walked(bodies_swapped, head_of(rows)).fault or rows[at].body == rows[at + 1].body


@given(chains, st.data())
def test_an_end_cut_off_is_found_by_the_head_and_with_a_forged_head_by_an_anchor(
    rows: list[StoredRecord], data: st.DataObject
):
    left = rows[: data.draw(st.integers(0, len(rows) - 1))]
    assert walked(left, head_of(rows)).fault
    assert walked(left, head_of(left)).fault is None, "the database alone cannot know"
    fault = walked(left, head_of(left), (anchor_at(rows),)).fault
    assert fault is not None
    assert "cut off" in fault.reason


@given(chains, st.data())
def test_a_chain_that_was_written_anew_is_found_by_an_anchor(rows: list[StoredRecord], data: st.DataObject):
    at = data.draw(st.integers(0, len(rows) - 1))
    bodies = [row.body for row in rows]
    forged = chain_of([*bodies[:at], bodies[at] + "!", *bodies[at + 1 :]])
    assert walked(forged, head_of(forged)).fault is None
    assert walked(forged, head_of(forged), (anchor_at(rows),)).fault


@given(chains, st.data())
def test_a_beginning_that_went_needs_a_checkpoint_and_its_time(rows: list[StoredRecord], data: st.DataObject):
    gone = rows[data.draw(st.integers(0, len(rows) - 2))]
    checkpoint = (
        f'{{"action":"retention","detail":{{"last_hash":"{gone.hash.hex()}","last_seq":{gone.seq}}},'
        '"object":"audit/general"}'
    )
    whole = chain_of([*(row.body for row in rows), checkpoint])
    rest = whole[gone.seq :]
    assert walked(rows[gone.seq :], head_of(rows)).fault, "no checkpoint"
    assert walked(rest, head_of(whole)).fault is None
    before = whole[: gone.seq - 1]
    assert walked(rest, head_of(whole), (anchor_at(before, NOW - timedelta(days=181)),)).fault is None
    assert walked(rest, head_of(whole), (anchor_at(before, NOW - timedelta(days=30)),)).fault, "too early"


def test_a_clock_that_goes_backwards_is_told_and_is_no_fault():
    first = chain_of(["a"])[0]
    at = first.stored_at - timedelta(hours=1)
    second = StoredRecord("general", 2, at, "sha256", "b", first.hash, link_hash("sha256", first.hash, 2, at, "b"))
    walk = walked([first, second], head_of([first, second]))
    assert (walk.fault, walk.backwards) == (None, 1)


@pytest.mark.anyio
async def test_the_chains_of_a_database(
    writer: asyncpg.Connection, auditor: asyncpg.Connection, superuser: asyncpg.Connection, tmp_path: Path
):
    assert [walk.fault for walk in await verify(auditor)] == [None, None]
    for chain in AuditChain:
        await append(writer, chain, [f'{{"n":{n}}}' for n in range(5)])
    file = tmp_path / "anchors.ndjson"
    append_anchor(file, await read_heads(auditor), KEY)
    anchors = read_anchors(file, KEY)
    assert [walk.fault for walk in await verify(auditor, anchors)] == [None, None]
    await superuser.execute("SET session_replication_role = replica")  # past the triggers
    await superuser.execute("DELETE FROM audit.record WHERE chain = 'general' AND seq > 3")
    await superuser.execute(
        "UPDATE audit.head SET seq = 3, hash = r.hash FROM audit.record AS r WHERE head.chain = r.chain AND r.seq = 3"
    )
    await superuser.execute("UPDATE audit.record SET body = '{}' WHERE chain = 'sensitive' AND seq = 2")
    faults = {walk.chain: walk.fault for walk in await verify(auditor, anchors)}
    assert faults["general"] is not None
    assert faults["general"].seq == 4
    assert faults["sensitive"] is not None
    assert faults["sensitive"].seq == 2


@pytest.mark.parametrize("harm", ["change", "remove", "other key", "no anchor"])
def test_anchors_that_were_tampered_with_are_refused(tmp_path: Path, harm: str):
    file = tmp_path / "anchors.ndjson"
    for seq in range(1, 4):
        append_anchor(file, [ChainHead("general", seq, "sha256", bytes(32))], KEY)
    lines = file.read_bytes().splitlines(keepends=True)
    assert len(read_anchors(file, KEY)) == 3
    if harm == "change":
        file.write_bytes(b"".join(lines).replace(b'"seq":2', b'"seq":9'))
    elif harm == "remove":
        file.write_bytes(lines[0] + lines[2])
    elif harm == "no anchor":
        file.write_bytes(b"[]\n")
    with pytest.raises(BadFile, match="line"):
        read_anchors(file, b"x" * 32 if harm == "other key" else KEY)
