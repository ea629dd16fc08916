"""OGC API - Moving Features over the track and the series: the same vertices, cut, chosen and paged as it says."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.twin.history.conftest import DAY
from twin.history.primitives import TemporalPrimitive

ITEM = "/ogc/collections/vehicles/items/V1"
TRACK = "/twin/features/vehicles/V1/track"
WHOLE = f"{DAY.isoformat()}/{(DAY + timedelta(hours=23)).isoformat()}"
FUEL_AT = [DAY + timedelta(hours=9, minutes=10 * n) for n in range(6)]


@pytest.fixture(scope="module", autouse=True)
def fuel(history):
    """What a vehicle measures beside its speed: a number and a text."""
    for n, at in enumerate(FUEL_AT):
        for code, value, text in (("fuel_l", f"{40 - n}", "NULL"), ("driver", "NULL", f"'d{n}'")):
            history.execute(
                "INSERT INTO twin.observation (id, property, phenomenon_time, value, value_text, unit, ingested_at)"
                f" VALUES ('V1', '{code}', '{at}', {value}, {text}, {'NULL' if value == 'NULL' else "'L'"}, '{at}')"
            )
            history.execute(
                "INSERT INTO twin.observation_now (id, property, phenomenon_time, value, value_text, unit) VALUES"
                f" ('V1', '{code}', '{at}', {value}, {text}, {'NULL' if value == 'NULL' else "'L'"})"
                " ON CONFLICT DO NOTHING"
            )
    yield
    history.execute("DELETE FROM twin.observation WHERE id = 'V1'")
    history.execute("DELETE FROM twin.observation_now WHERE id = 'V1'")


def sequence(history, item=ITEM, **asked):
    found = history.json(f"{item}/tgsequence", **{"datetime": WHOLE, "limit": "100", **asked})
    assert found["type"] == "TemporalGeometrySequence"
    return found


def vertices(found):
    return [
        (datetime.fromisoformat(at), *place)
        for movement in found["geometrySequence"]
        for at, place in zip(movement["datetimes"], movement["coordinates"], strict=True)
    ]


def track_vertices(history, **asked):
    span = {"from": DAY.isoformat(), "to": (DAY + timedelta(days=1)).isoformat()}
    found = history.json(TRACK, **{**span, **asked})
    lines, times = found["geometry"]["coordinates"], found["properties"]["times"]
    if found["geometry"]["type"] == "LineString":
        lines, times = [lines], [times]
    return [
        (datetime.fromisoformat(at), *place)
        for line, moments in zip(lines, times, strict=True)
        for place, at in zip(line, moments, strict=True)
    ]


def test_a_sequence_is_the_track_in_movements_between_gaps(history):
    found = sequence(history)
    assert vertices(found) == track_vertices(history)
    assert [len(one["datetimes"]) for one in found["geometrySequence"]] == [1001, 999]
    assert {(one["type"], one["interpolation"]) for one in found["geometrySequence"]} == {("MovingPoint", "Linear")}
    assert found["numberMatched"] == found["numberReturned"] == 2
    assert found["geometrySequence"][0]["crs"]["properties"]["name"] == "urn:ogc:def:crs:OGC:1.3:CRS84"
    assert found["geometrySequence"][0]["datetimes"][0].endswith("Z")


def test_movements_have_the_same_names_whatever_is_asked(history):
    names = [one["id"] for one in sequence(history)["geometrySequence"]]
    inside = (DAY + timedelta(hours=8, minutes=30)).isoformat()
    assert [one["id"] for one in sequence(history, datetime=inside)["geometrySequence"]] == names[:1]
    wide = f"{(DAY - timedelta(days=3)).isoformat()}/{(DAY + timedelta(days=3)).isoformat()}"
    assert [one["id"] for one in sequence(history, datetime=wide)["geometrySequence"]] == names


def test_what_is_cut_has_the_vertices_within_and_ends_on_the_line(history):
    first, last = (DAY + timedelta(hours=8, minutes=m, seconds=5) for m in (10, 20))
    cut = vertices(sequence(history, datetime=f"{first.isoformat()}/{last.isoformat()}", subTrajectory="true"))
    inner = track_vertices(history, **{"from": first.isoformat(), "to": last.isoformat()})
    assert cut[1:-1] == inner
    assert (cut[0][0], cut[-1][0]) == (first, last)
    whole = track_vertices(history)
    for at, x, y in (cut[0], cut[-1]):
        before = max(one for one in whole if one[0] < at)
        after = min(one for one in whole if one[0] > at)
        assert (x, y) == pytest.approx([(before[n] + after[n]) / 2 for n in (1, 2)], abs=2e-7)


def test_leaves_are_places_at_those_times_and_none_in_a_gap(history):
    whole = track_vertices(history)
    gap = next(a[0] + (b[0] - a[0]) / 2 for a, b in pairwise(whole) if b[0] - a[0] > timedelta(minutes=10))
    asked = [whole[3][0], whole[3][0] + timedelta(seconds=5), gap, whole[-1][0]]
    leaf = ",".join(at.isoformat() for at in asked)
    found = history.json(f"{ITEM}/tgsequence", leaf=leaf)
    got = vertices(found)
    assert [at for at, *_ in got] == [asked[0], asked[1], asked[3]]
    assert got[0] == whole[3]
    assert got[-1] == whole[-1]
    assert {one["interpolation"] for one in found["geometrySequence"]} == {"Discrete"}


def test_a_box_chooses_movements(history):
    assert sequence(history, bbox="113.0,22.0,113.1,22.1")["geometrySequence"] == []
    assert sequence(history, bbox="113.3,23.1,113.4,23.2")["numberMatched"] == 2


def test_pages_follow_their_links_to_the_whole(history):
    whole = sequence(history)["geometrySequence"]
    page = history.ask(f"{ITEM}/tgsequence", datetime=WHOLE, limit="1")
    assert (page.json()["numberMatched"], page.json()["numberReturned"]) == (2, 1)
    (following,) = (link["href"] for link in page.json()["links"] if link["rel"] == "next")
    assert f'<{following}>; rel="next"' in page.headers["link"]
    second = history.json(following)
    assert page.json()["geometrySequence"] + second["geometrySequence"] == whole
    assert [link["rel"] for link in second["links"]] == ["self", "prev"]


def test_an_open_end_and_no_time_are_answered(history):
    assert sequence(history, datetime=f"../{(DAY + timedelta(days=1)).isoformat()}")["numberMatched"] == 2
    assert history.json(f"{ITEM}/tgsequence")["geometrySequence"] == [], "nothing was heard in the last day"


def test_what_was_known_then_is_told_as_then(history):
    moment = DAY + timedelta(hours=9)
    then = sequence(history, at=moment.isoformat(), basis="phenomenon")
    assert max(at for at, *_ in vertices(then)) < moment


def test_properties_are_named_with_their_types_and_units(history):
    found = history.json(f"{ITEM}/tproperties")
    told = {one["name"]: (one["type"], one.get("form")) for one in found["temporalProperties"]}
    assert told["speed_kmh"] == ("TReal", "KMH")
    assert told["heading_deg"] == ("TReal", "DD")
    assert told["fuel_l"] == ("TReal", "http://www.opengis.net/def/uom/UCUM/L")
    assert told["driver"] == ("TText", None)
    assert not any("valueSequence" in one for one in found["temporalProperties"])
    page = history.json(f"{ITEM}/tproperties", limit="1", offset="1")
    assert (page["numberMatched"], page["numberReturned"], len(page["temporalProperties"])) == (len(told), 1, 1)
    never = history.json(f"{ITEM}/tproperties", datetime="2020-01-01T00:00:00Z/2020-01-02T00:00:00Z")
    assert never["temporalProperties"] == []


def test_a_measured_property_is_its_series(history):
    series = history.json(
        "/twin/features/vehicles/V1/observations",
        **{"property": "fuel_l", "from": DAY.isoformat(), "to": (DAY + timedelta(days=1)).isoformat()},
    )
    (part,) = history.json(f"{ITEM}/tproperties/fuel_l", datetime=WHOLE)["valueSequence"]
    told = [(datetime.fromisoformat(at), value) for at, value in zip(part["datetimes"], part["values"], strict=True)]
    assert told == [(datetime.fromisoformat(row["time"]), row["value"]) for row in series["observations"]]
    assert part["interpolation"] == "Discrete"
    (texts,) = history.json(f"{ITEM}/tproperties/driver", datetime=WHOLE)["valueSequence"]
    assert texts["values"] == [f"d{n}" for n in range(6)]


def test_speed_is_the_tracks_and_is_cut_on_its_line(history):
    speeds = history.json(f"{ITEM}/tproperties/speed_kmh", datetime=WHOLE)
    track = history.json(TRACK, **{"from": DAY.isoformat(), "to": (DAY + timedelta(days=1)).isoformat()})
    assert [one["values"] for one in speeds["valueSequence"]] == track["properties"]["speed_kmh"]
    at = DAY + timedelta(hours=8, seconds=25)
    (leaf,) = history.json(f"{ITEM}/tproperties/speed_kmh", leaf=at.isoformat())["valueSequence"]
    assert leaf["values"] == pytest.approx([2.5])


def test_properties_of_an_interval_are_parametric_values(history):
    first, last = FUEL_AT[1].isoformat(), FUEL_AT[3].isoformat()
    found = history.json(f"{ITEM}/tproperties", datetime=f"{first}/{last}", subTemporalValue="true")
    fuel = [one for one in found["temporalProperties"] if "fuel_l" in one]
    assert [one["fuel_l"]["values"] for one in fuel] == [[39, 38, 37]]
    assert fuel[0]["fuel_l"]["type"] == "Measure"
    assert len(fuel[0]["datetimes"]) == 3


@pytest.mark.parametrize(
    ("path", "asked", "status", "said"),
    [
        ("tgsequence", {"speed": "1"}, 400, "allowed are f, lang, datetime, at, basis, bbox, limit"),
        ("tgsequence", {"limit": "0"}, 400, "from 1"),
        ("tgsequence", {"datetime": "yesterday"}, 400, "with its offset"),
        ("tgsequence", {"datetime": "2026-06-09T00:00:00Z/2026-06-08T00:00:00Z"}, 400, "ends before it begins"),
        ("tgsequence", {"datetime": "2226-06-09T00:00:00Z/.."}, 400, "not yet"),
        ("tgsequence", {"datetime": "2026-01-09T00:00:00Z/2026-06-08T00:00:00Z"}, 413, "at most 31"),
        ("tgsequence", {"datetime": "../2026-06-08T00:00:00Z", "subTrajectory": "true"}, 400, "first/last"),
        ("tgsequence", {"datetime": "2026-06-08T00:00:00Z", "subTrajectory": "true"}, 400, "first/last"),
        ("tgsequence", {"datetime": WHOLE, "subTrajectory": "yes"}, 400, "true, false"),
        ("tgsequence", {"datetime": WHOLE, "subTrajectory": "true", "leaf": DAY.isoformat()}, 400, "leave one out"),
        ("tgsequence", {"leaf": "2026-06-08T02:00:00Z,2026-06-08T01:00:00Z"}, 400, "do not grow"),
        ("tgsequence", {"bbox": "1,2,3"}, 400, "4 or 6"),
        ("tgsequence", {"f": "gpx"}, 400, "allowed are"),
        ("tproperties", {"bbox": "1,2,3,4"}, 400, "there is no parameter"),
        ("tproperties", {"subTemporalValue": "true"}, 400, "first/last"),
        ("tproperties/nothing", {}, 404, "speed_kmh, heading_deg"),
        ("tproperties/speed_kmh", {"limit": "3"}, 400, "there is no parameter"),
    ],
)
def test_bad_questions_are_told_what_is_allowed(history, path, asked, status, said):
    answer = history.ask(f"{ITEM}/{path}", **asked)
    assert answer.status_code == status, answer.text
    assert said in answer.json()["description"]


@pytest.mark.parametrize("item", ["vehicles/items/V9", "water_level_stations/items/S1", "nothing/items/S1"])
def test_what_does_not_move_or_is_not_there_has_no_movement(history, item):
    for path in ("tgsequence", "tproperties", "tproperties/speed_kmh"):
        assert history.ask(f"/ogc/collections/{item}/{path}").status_code == 404


def test_a_feature_links_its_movement_and_the_interface_describes_it(history):
    links = {link["href"].removeprefix("http://map.test") for link in history.json(ITEM)["links"]}
    assert {f"{ITEM}/tgsequence", f"{ITEM}/tproperties"} <= links
    described = history.json("/ogc/openapi?f=json")["paths"]
    for ending in ("tgsequence", "tproperties", "tproperties/{propertyName}"):
        assert f"/collections/vehicles/items/{{featureId}}/{ending}" in described
        assert f"/collections/grids/items/{{featureId}}/{ending}" not in described
    station = history.json("/ogc/collections/water_level_stations/items/S1")
    assert not any("tgsequence" in link["href"] for link in station["links"])


@given(
    st.lists(st.tuples(st.integers(1, 600), st.floats(-180, 180), st.floats(-90, 90)), min_size=2, max_size=40),
    st.floats(-0.2, 1.2),
    st.floats(0, 1),
)
def test_a_part_is_on_the_line_of_the_whole(steps, begins, lasts):
    times = np.cumsum([float(step) for step, *_ in steps])
    whole = TemporalPrimitive(times, np.array([place for _, *place in steps]), is_linear=True)
    first = times[0] + begins * (times[-1] - times[0])
    last = first + lasts * (times[-1] - times[0])
    part = whole.between(first, last)
    assert (part is None) == (last < times[0] or first > times[-1])
    if part is None:
        return
    assert (part.times_s >= first).all()
    assert (part.times_s <= last).all()
    assert (np.diff(part.times_s) > 0).all()
    for axis in (0, 1):
        on_line = np.interp(part.times_s, whole.times_s, whole.values[:, axis])
        assert part.values[:, axis] == pytest.approx(on_line, abs=1e-9)
    inside = whole.times_s[(whole.times_s >= first) & (whole.times_s <= last)]
    assert np.isin(inside, part.times_s).all()
