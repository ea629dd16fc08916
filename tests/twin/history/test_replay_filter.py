"""A playback holds what its filter is true of, moment by moment, and tells how much that is."""

from __future__ import annotations

from datetime import timedelta

import orjson
import pytest

from tests.twin.history.conftest import DAY

SPAN = {
    "from": (DAY + timedelta(hours=9)).isoformat(),
    "to": (DAY + timedelta(hours=9, minutes=2)).isoformat(),
    "basis": "phenomenon",
    "step": "60s",
}


def played(history, **asked):
    answer = history.ask("/twin/replay", layers="vehicles", **SPAN, **asked)
    assert answer.status_code == 200, answer.text
    return [orjson.loads(line)["layers"]["vehicles"]["features"] for line in answer.text.splitlines()]


def test_a_filter_chooses_in_every_frame(history):
    everything = played(history)
    buses = played(history, filter="vehicle_kind = 'bus'")
    assert [[one["id"] for one in frame] for frame in everything] == [["V1", "V2"]] * 3
    assert buses == [[one for one in frame if one["id"] == "V1"] for frame in everything]


def test_what_leaves_the_filter_leaves_the_playback(history):
    frames = played(history)
    bound = frames[0][0]["properties"]["speed_kmh"]
    fast = history.ask("/twin/replay", layers="vehicles", filter=f"speed_kmh > {bound}", **SPAN).text.splitlines()
    for line, frame in zip(fast, frames, strict=True):
        told = {one["id"] for one in orjson.loads(line)["layers"].get("vehicles", {}).get("features", ())}
        assert told <= {one["id"] for one in frame if one["properties"]["speed_kmh"] > bound}


@pytest.mark.parametrize("asked", ["nothing = 1", "vehicle_kind = ", "sim_no LIKE"])
def test_a_filter_that_is_none_is_refused_before_the_first_frame(history, asked):
    assert history.ask("/twin/replay", layers="vehicles", filter=asked, **SPAN).status_code == 400
