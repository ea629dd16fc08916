"""What actors of one clearance see of a change, and which changes are merged."""

from __future__ import annotations

from datetime import UTC, datetime

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from layers.actor import Actor
from layers.catalog import Catalog, Layer
from layers.definition import read_definitions
from layers.live_source import Live
from layers.policy.policy import Policy
from server.live.frames import as_event, as_message
from tests.layers.cameras import CAMERAS, field
from tests.layers.read.policies import actor_of, role, rule
from twin.live.change_batch import PendingChanges
from twin.live.visibility import Visibility

CATALOG = Catalog({"cameras": Layer(CAMERAS, 1, datetime.now(UTC), lowest_grade=1)})


def moved(identifier, lon=113.3, **said):
    place = {"lon": lon, "lat": 23.1, "grid_code": "440106011001001", "grade": 1}
    return {"kind": "position", "layer": "cameras", "id": identifier, **place, **said}


def happened(identifier, **said):
    return {"kind": "event", "layer": "cameras", "id": identifier, "grade": 1, **said}


@pytest.mark.parametrize(
    ("clearance", "names"), [(2, {"name"}), (3, {"name", "contact_phone"}), (4, {"name", "contact_phone", "play_ref"})]
)
def test_what_may_not_be_seen_is_not_there(clearance, names):
    change = moved("a", contact_phone="138", play_ref="x", secret="never", name="门口", made_up=1, height_m=None)
    said = set(Visibility(Actor("a", clearance), lambda: CATALOG).shown(change)) - {
        "kind",
        "layer",
        "id",
        "lon",
        "lat",
        "grid_code",
    }
    assert said == names


def test_a_feature_of_a_higher_grade_or_of_no_known_layer_is_not_there():
    public = Visibility(Actor("a", 2), lambda: CATALOG)
    assert public.shown(moved("a") | {"grade": 3}) is None
    assert public.shown(moved("b") | {"layer": "unknown"}) is None
    assert public.shown({name: value for name, value in moved("c").items() if name != "grade"}) is None


REAL = Catalog({d.id: Layer(d, 1, datetime.now(UTC), lowest_grade=1) for d in read_definitions().values()})


def test_where_people_are_is_heard_by_those_who_may_know_it_alone():
    walking = moved("w1") | {"layer": "grid_workers"}
    driving = moved("v1") | {"layer": "vehicles"}
    crossing = walking | {"kind": "fence", "fence": "f1", "action": "enter"}
    public, commander = Visibility(Actor("a", 2), lambda: REAL), Visibility(Actor("a", 3), lambda: REAL)
    assert public.shown(driving) is not None
    assert public.shown(walking) is None
    assert public.shown(crossing) is None
    assert commander.shown(walking)["lon"] == walking["lon"]
    assert commander.shown(crossing)["fence"] == "f1"


def test_an_observation_of_a_hidden_field_is_hidden():
    live = Live(observation="oxygen")
    secret = CAMERAS.model_copy(update={"fields": (*CAMERAS.fields, field("oxygen_now", "number", grade=3, live=live))})
    catalog = Catalog({"cameras": Layer(secret, 1, datetime.now(UTC), lowest_grade=1)})
    measured = {"kind": "observation", "layer": "cameras", "id": "c1", "grade": 1, "property": "oxygen", "value": 5.0}
    assert Visibility(Actor("a", 2), lambda: catalog).shown(measured) is None
    assert Visibility(Actor("a", 3), lambda: catalog).shown(measured)["value"] == 5.0
    assert Visibility(Actor("a", 2), lambda: catalog).shown(measured | {"property": "noise"})["value"] == 5.0


@pytest.mark.parametrize(
    ("others", "told"),
    [({}, {"level_m", "noise"}), ({"*": "full"}, {"level_m", "noise"}), ({"*": "absent"}, {"level_m"})],
)
def test_an_observation_that_feeds_no_field_is_seen_with_all_that_no_rule_names(others, told):
    level = field("level_m", "number", live=Live(observation="level_m"))
    definition = CAMERAS.model_copy(update={"fields": (*CAMERAS.fields, level)})
    catalog = Catalog({"cameras": Layer(definition, 1, datetime.now(UTC), lowest_grade=1)})
    policy = Policy((role("reader"),), (rule("reads", "reader", fields={"level_m": "full", "name": "full"} | others),))
    reader = Visibility(actor_of(policy, "reader"), lambda: catalog)
    measured = {"kind": "observation", "layer": "cameras", "id": "c1", "grade": 1, "value": 5.0}
    seen = {code for code in ("level_m", "noise") if reader.shown(measured | {"property": code}) is not None}
    assert seen == told


things = st.builds(moved, st.sampled_from("abc"), st.floats(113, 114))
events = st.builds(happened, st.text(max_size=3))


@given(st.lists(st.one_of(things, events), max_size=40), st.sets(st.integers(0, 40), max_size=5))
def test_every_event_comes_once_in_order_and_of_each_thing_the_newest(changes, flushes):
    pending, got = PendingChanges(), []
    for seq, change in enumerate(changes, 1):
        pending.add(change, orjson.dumps(change))
        if seq in flushes:
            got += orjson.loads(pending.batch(seq).body)
    got += orjson.loads(pending.batch(len(changes)).body)
    assert [c["id"] for c in got if c["kind"] == "event"] == [c["id"] for c in changes if c["kind"] == "event"]
    last_sent = {c["id"]: c["lon"] for c in got if c["kind"] == "position"}
    assert last_sent == {c["id"]: c["lon"] for c in changes if c["kind"] == "position"}


def test_both_forms_of_a_batch_say_the_same():
    pending = PendingChanges()
    pending.add(happened("a"), b'{"id":"a"}')
    batch = pending.batch(7)
    assert as_event(batch) == b'id: 7\nevent: changes\ndata: [{"id":"a"}]\n\n'
    assert orjson.loads(as_message(batch)) == {"type": "changes", "seq": 7, "changes": [{"id": "a"}]}
    assert len(pending) == 0
