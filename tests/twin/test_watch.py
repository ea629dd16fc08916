from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layers.actor import ANONYMOUS, OPERATOR, Actor
from layers.catalog import Catalog, Layer
from tests.layers.cameras import CAMERAS
from twin.watch import EVENTS_MAX, Audience, Interest, Watcher

CATALOG = Catalog({"cameras": Layer(CAMERAS, 1, datetime.now(UTC), lowest_grade=1)})
EVERYTHING = Interest()


def watcher(interest=EVERYTHING, actor=OPERATOR, seq=0):
    return Watcher(interest, Audience(actor, lambda: CATALOG), seq)


def moved(identifier, lon=113.3, **said):
    place = {"lon": lon, "lat": 23.1, "grid_code": "440106011001001", "grade": 1}
    return {"kind": "position", "layer": "cameras", "id": identifier, **place, **said}


def happened(identifier, **said):
    return {"kind": "event", "layer": "cameras", "id": identifier, "grade": 1, **said}


things = st.builds(moved, st.sampled_from("abc"), st.floats(113, 114))
events = st.builds(happened, st.text(max_size=3))


@given(st.lists(st.one_of(things, events), max_size=40), st.lists(st.integers(0, 40), max_size=5))
def test_every_event_comes_once_in_order_and_of_each_thing_the_newest(changes, takes):
    watching, got = watcher(), []
    for seq, change in enumerate(changes, 1):
        watching.look(seq, change)
        if seq in takes:
            got += watching.take()
    got += watching.take()
    assert [c["id"] for c in got if c["kind"] == "event"] == [c["id"] for c in changes if c["kind"] == "event"]
    last_sent = {c["id"]: c["lon"] for c in got if c["kind"] == "position"}
    assert last_sent == {c["id"]: c["lon"] for c in changes if c["kind"] == "position"}
    assert watching.seq == len(changes)


def test_numbers_seen_before_are_passed_over():
    watching = watcher(seq=5)
    watching.look(5, happened("old"))
    watching.look(6, happened("new"))
    assert [c["id"] for c in watching.take()] == ["new"]


@pytest.mark.parametrize(
    ("interest", "wanted"),
    [
        (Interest(layers=frozenset({"cameras"})), True),
        (Interest(layers=frozenset({"vehicles"})), False),
        (Interest(areas=("440106011",)), True),
        (Interest(areas=("440106012", "440106013")), False),
        (Interest(bbox_crs84=(113.2, 23.0, 113.4, 23.2)), True),
        (Interest(bbox_crs84=(113.31, 23.0, 113.4, 23.2)), False),
    ],
)
def test_only_what_was_asked_for_comes(interest, wanted):
    watching = watcher(interest)
    watching.look(1, moved("a"))
    assert bool(watching.take()) is wanted
    assert watching.seq == 1


def test_what_may_not_be_seen_is_not_there():
    change = moved("a", contact_phone="138", play_ref="x", secret="never", name="门口", made_up=1)
    for actor, names in ((ANONYMOUS, {"name"}), (OPERATOR, {"name", "contact_phone", "play_ref"})):
        watching = watcher(actor=actor)
        watching.look(1, change)
        said = set(watching.take()[0]) - {"kind", "layer", "id", "lon", "lat", "grid_code"}
        assert said == names
    hidden = watcher(actor=ANONYMOUS)
    hidden.look(1, moved("a") | {"grade": 3})
    hidden.look(2, moved("b") | {"layer": "unknown"})
    hidden.look(3, {name: value for name, value in moved("c").items() if name != "grade"})
    assert hidden.take() == []


def test_an_actor_of_an_area_gets_that_area():
    for prefix, got in (("440106011", 1), ("440106012", 0)):
        watching = watcher(actor=Actor("worker", 4, (prefix,)))
        watching.look(1, moved("a"))
        assert len(watching.take()) == got


def test_too_many_events_at_once_end_in_a_restart_and_bounded_memory():
    watching = watcher()
    for seq in range(1, EVENTS_MAX + 10):
        watching.look(seq, happened(str(seq)))
    assert watching.overrun
    assert watching.take() == []
