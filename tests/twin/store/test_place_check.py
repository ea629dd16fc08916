"""A place that cannot be right is never shown, whatever message brings it, and nothing is lost in silence."""

from __future__ import annotations

from collections import Counter
from math import cos, hypot, radians

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from layers.database.connection import connect
from tests.databases import count_rows
from tests.twin.envelopes import NOW, envelope
from tests.twin.feeds.test_feeds import SECRET, Sender, cloudevent
from twin.envelope.message import Reading
from twin.envelope.read import decode_json, read_all, read_structured
from twin.store.events.events import fold
from twin.store.place_check import check_places

pytestmark = pytest.mark.anyio
DISTRICT = (113.29, 23.10, 113.44, 23.25)
HERE, FAR, NULL_ISLAND, EXCHANGED = (113.35, 23.13), (113.9, 23.13), (0.0, 0.0), (45.0, 85.0)
KINDS = {
    "position": {},
    "observation": {"property": "level_m", "value": 1.5},
    "event": {"source": "hotline", "title": "积水"},
}


def message(kind, place, number=0, **data):
    lon, lat = place
    given_ = envelope(kind, {**KINDS[kind], "lon": lon, "lat": lat, **data}, id=f"m-{number}")
    return read_structured({**given_, "subject": f"vehicles/v{number}"}, now=NOW)


def metres_outside(lon, lat):
    west, south, east, north = DISTRICT
    east_m = max(west - lon, 0, lon - east) * 111_320 * cos(radians(23.175))
    return hypot(east_m, max(south - lat, 0, lat - north) * 111_320)


@pytest.mark.parametrize("kind", ["position", "observation"])
@pytest.mark.parametrize(
    ("place", "reason"), [(NULL_ISLAND, "zero"), (EXCHANGED, "swapped"), (FAR, "outside_district")]
)
def test_what_says_nothing_without_its_place_is_refused_with_the_reason(kind, place, reason):
    reading = Reading([message(kind, HERE), message(kind, place, 1)])
    check_places(reading, DISTRICT)
    assert [m.id for m in reading.messages] == ["m-0"]
    (refused,) = reading.refused
    assert (refused.index, refused.reason, refused.canonical) == (1, reason, True)
    (again,) = read_all([decode_json(refused.raw)], now=NOW).messages
    assert again == message(kind, place, 1), "it is kept whole, to be taken again"


@pytest.mark.parametrize(("place", "fault"), [(NULL_ISLAND, "zero"), (EXCHANGED, "swapped"), (FAR, "outside_district")])
def test_an_event_is_taken_without_its_place_and_says_why(place, fault):
    reading = Reading([message("event", place, extra={"caller": "shop"})])
    check_places(reading, DISTRICT)
    (event,) = reading.messages
    assert (event.lon, event.lat, event.data["place_fault"]) == (None, None, fault)
    assert event.data["extra"] == {"caller": "shop", "place_given": f"{place[0]:.7f}, {place[1]:.7f}"}
    assert not reading.refused


@pytest.mark.parametrize("kind", KINDS)
def test_a_feed_that_may_send_from_anywhere_still_measures_its_places(kind):
    reading = Reading([message(kind, FAR), message(kind, NULL_ISLAND, 1)])
    check_places(reading, None)
    assert reading.messages[0] == message(kind, FAR)
    assert all(m.lon is None for m in reading.messages[1:])


@pytest.mark.parametrize(
    ("ring", "fault"),
    [
        ([[0, 0], [0, 0], [0, 0], [0, 0]], "zero"),
        ([[45, 85], [46, 85], [46, 86], [45, 85]], "swapped"),
        ([[100, 30], [101, 30], [101, 31], [100, 30]], None),  # a neighbour's
    ],
)
def test_an_area_is_drawn_by_its_authority(ring, fault):
    given_ = envelope("event", {"source": "weather_warning", "area": {"type": "Polygon", "coordinates": [ring]}})
    reading = Reading([read_structured(given_, now=NOW)])
    check_places(reading, DISTRICT)
    (event,) = reading.messages
    assert event.data.get("place_fault") == fault
    assert ("area" in event.data) is (fault is None)


PLACES = st.one_of(
    st.sampled_from([HERE, FAR, NULL_ISLAND, EXCHANGED]),
    st.tuples(st.floats(-180, 180), st.floats(-90, 90)),
    st.tuples(st.floats(113.2, 113.5), st.floats(23.0, 23.3)),
)


@given(st.lists(st.tuples(st.sampled_from([*KINDS]), PLACES), max_size=30))
def test_whatever_comes_is_taken_or_refused_and_no_wrong_place_is_left(sent):
    messages = [message(kind, place, n) for n, (kind, place) in enumerate(sent)]
    reading = Reading(list(messages))
    check_places(reading, DISTRICT)
    assert reading.received == len(sent)
    assert Counter(m.id for m in reading.messages) == Counter(
        m.id for m in messages if m.kind == "event" or metres_outside(m.lon, m.lat) <= 2000 or _corner(m)
    )
    for taken in reading.messages:
        if taken.lon is None:
            assert taken.data["place_fault"]
        else:
            assert metres_outside(taken.lon, taken.lat) <= 2000 or _corner(taken)
    assert all(refused.reason and refused.detail for refused in reading.refused)


def _corner(m):
    """The margin is a box: its corners lie farther, and its edge is measured at the middle latitude."""
    return metres_outside(m.lon, HERE[1]) <= 2020 and metres_outside(HERE[0], m.lat) <= 2020


def test_the_flag_goes_when_a_later_version_has_a_place():
    first = {"title": "积水", "place_fault": "zero", "extra": {"place_given": "0, 0"}}
    assert fold([first])["place_fault"] == "zero"
    assert "place_fault" not in fold([first, {"lon": 113.35, "lat": 23.13}])
    assert "place_fault" not in fold([{"lon": 113.35, "lat": 23.13}, first]), "the place that was known stays"


@pytest.fixture
def sender(district_url, live_server, monkeypatch):
    monkeypatch.setenv("ONEMAP_SECRET_DEMO", SECRET)
    with httpx.Client(base_url=live_server(district_url), timeout=60) as client:
        yield Sender(client)


async def test_nothing_is_shown_at_a_wrong_place_and_an_event_waits_for_one(sender, district_url):
    ticket = {"source": "hotline", "title": "积水", "lon": 0.0, "lat": 0.0}
    sent = [
        cloudevent(1, "vehicles/v1", lon=0.0, lat=0.0),
        cloudevent(2, "vehicles/v1", lon=23.13, lat=113.35),
        cloudevent(3, "vehicles/v1", lon=114.5, lat=23.13),
        cloudevent(4, "events/e4", "event", **ticket),
    ]
    answer = sender.send(sent).json()
    assert (answer["received"], answer["accepted"], answer["rejected"]) == (4, 1, 3)
    assert sorted(one["reason"] for one in answer["refused"]) == ["outside_district", "swapped", "zero"]
    event = sender._client.get("/ogc/collections/events/items/e4").json()
    assert event["geometry"] is None
    assert event["properties"]["place_fault"] == "zero"
    found = cloudevent(4, "events/e4", "event", **{**ticket, "lon": 113.35, "lat": 23.13}) | {"version": 2}
    assert sender.send([found | {"time": "2026-06-08T09:59:00+08:00"}]).json()["accepted"] == 1
    event = sender._client.get("/ogc/collections/events/items/e4").json()
    assert event["geometry"]["coordinates"] == [113.35, 23.13]
    assert event["properties"].get("place_fault") is None
    connection = await connect(district_url)
    assert await count_rows(connection, "twin.position_now") == 0
    assert await count_rows(connection, "twin.refused WHERE replayed_at IS NULL") == 3
    await connection.close()
