"""Recordings: moved to now, at a speed, in portions that hold every event once and in order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from layers.errors import BadFile
from twin.feeds.recording import (
    PORTION_MAX,
    RecordingPosition,
    Shift,
    each_event,
    first_time,
    moment_of,
    played,
    portions,
)

FIRST = datetime(2026, 6, 8, 1, 58, tzinfo=UTC)
NOW = datetime(2027, 1, 1, tzinfo=UTC)


def event(number, seconds=0.0, **more):
    return {
        "id": str(number),
        "time": (FIRST + timedelta(seconds=seconds)).isoformat(),
        "subject": "vehicles/v",
        **more,
    }


def shift(speed=60.0, run="r1"):
    return Shift(FIRST, NOW, speed, run)


@given(seconds=st.lists(st.floats(0, 5000), max_size=40), speed=st.floats(0.5, 1000))
def test_portions_hold_every_event_once_and_in_order(seconds, speed):
    events = [(event(n, at), n + 1) for n, at in enumerate(seconds)]
    made = list(portions(events, shift(speed)))
    assert [e["id"] for portion in made for e in portion.events] == [f"{n}~r1" for n in range(len(events))]
    dues = [portion.due_s for portion in made]
    assert dues == sorted(dues)
    assert [portion.end for portion in made][-1:] == [len(events)][: len(events)]
    assert all(len(portion.events) <= PORTION_MAX for portion in made)


def test_times_are_moved_and_keep_their_distance():
    given_ = event(7, 600, senttime=(FIRST + timedelta(seconds=660)).isoformat())
    given_["data"] = {"due_at": (FIRST + timedelta(hours=1)).isoformat(), "value": 3, "closed_at": None}
    moved = shift().moved(given_)
    assert moment_of(moved["time"]) == NOW + timedelta(seconds=10)
    assert moment_of(moved["senttime"]) == NOW + timedelta(seconds=11)
    assert moment_of(moved["data"]["due_at"]) == NOW + timedelta(minutes=1)
    assert (moved["data"]["value"], moved["data"]["closed_at"]) == (3, None)
    assert (moved["id"], moved["subject"]) == ("7~r1", "vehicles/v")
    assert shift().moved(event(1, subject="events/e1"))["subject"] == "events/e1~r1"


def test_kept_times_keep_everything():
    assert shift(run="").moved(event(7, 600)) == event(7, 600)


@pytest.mark.parametrize(
    "odd", [{}, {"id": 5, "time": "x"}, {"id": "a", "time": "2026-06-08T10:00:00"}, {"id": "a", "data": 3}]
)
def test_what_is_no_event_is_left_to_the_one_who_reads_it(odd):
    (portion,) = portions([(odd, 1)], shift())
    assert len(portion.events) == 1


def test_a_file_is_read_on_from_a_place(tmp_path):
    path = tmp_path / "a.ndjson"
    path.write_bytes(b"\n".join(orjson.dumps(event(n, n)) for n in range(5)) + b"\n\n")
    whole = list(each_event(path))
    assert [one["id"] for one, _ in whole] == list("01234")
    for number, (_, end) in enumerate(whole):
        assert [one["id"] for one, _ in each_event(path, end)] == list("01234")[number + 1 :]
    assert first_time(path, whole[2][1]) == FIRST + timedelta(seconds=3)


@pytest.mark.parametrize("body", [b"[]\n", b"{\n", b'{"a":1}\n', b"", b"x" * 1_100_000])
def test_what_is_no_recording_is_said(tmp_path, body):
    path = tmp_path / "a.ndjson"
    path.write_bytes(body)
    with pytest.raises(BadFile, match=r"a\.ndjson"):
        first_time(path)
    with pytest.raises(BadFile, match="cannot be read"):
        first_time(tmp_path / "none.ndjson")


@given(left_at=st.integers(0, 60), noted=st.booleans())
def test_wherever_it_is_left_what_was_sent_is_sent_again_with_the_same_times(tmp_path_factory, left_at, noted):
    path = tmp_path_factory.getbasetemp() / "left.ndjson"
    path.write_bytes(b"\n".join(orjson.dumps(event(n, n * 7)) for n in range(60)))
    clock = iter(NOW + timedelta(hours=n) for n in range(1000))

    def now():
        return next(clock)

    sent, place = {}, None
    for number, (_, portion, reached) in enumerate(played(path, None, speed=20, run="r", now=now)):
        if number == left_at:
            place = reached if noted else place
            break
        place = RecordingPosition.read(orjson.loads(orjson.dumps(reached.written())))
        sent |= {one["id"]: one for one in portion.events}
    again = [one for _, portion, _ in played(path, place, speed=20, run="r", now=now) for one in portion.events]
    assert [one for one in again if one["id"] in sent] == [sent[one["id"]] for one in again if one["id"] in sent]
    assert sent.keys() | {one["id"] for one in again} == {f"{n}~r" for n in range(60)}
