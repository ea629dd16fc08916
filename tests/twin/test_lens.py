"""What those of one clearance see of a change, and what is merged."""

from __future__ import annotations

from datetime import UTC, datetime

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from layers.catalog import Catalog, Layer
from tests.layers.cameras import CAMERAS
from twin.lens import Lens
from twin.portion import Gathered

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
    said = set(Lens(clearance, lambda: CATALOG).shown(change)) - {"kind", "layer", "id", "lon", "lat", "grid_code"}
    assert said == names


def test_a_feature_of_a_higher_grade_or_of_no_known_layer_is_not_there():
    public = Lens(2, lambda: CATALOG)
    assert public.shown(moved("a") | {"grade": 3}) is None
    assert public.shown(moved("b") | {"layer": "unknown"}) is None
    assert public.shown({name: value for name, value in moved("c").items() if name != "grade"}) is None


things = st.builds(moved, st.sampled_from("abc"), st.floats(113, 114))
events = st.builds(happened, st.text(max_size=3))


@given(st.lists(st.one_of(things, events), max_size=40), st.sets(st.integers(0, 40), max_size=5))
def test_every_event_comes_once_in_order_and_of_each_thing_the_newest(changes, flushes):
    gathered, got = Gathered(), []
    for seq, change in enumerate(changes, 1):
        gathered.add(change, orjson.dumps(change))
        if seq in flushes:
            got += orjson.loads(gathered.portion(seq).body)
    got += orjson.loads(gathered.portion(len(changes)).body)
    assert [c["id"] for c in got if c["kind"] == "event"] == [c["id"] for c in changes if c["kind"] == "event"]
    last_sent = {c["id"]: c["lon"] for c in got if c["kind"] == "position"}
    assert last_sent == {c["id"]: c["lon"] for c in changes if c["kind"] == "position"}


def test_both_forms_of_a_portion_say_the_same():
    gathered = Gathered()
    gathered.add(happened("a"), b'{"id":"a"}')
    portion = gathered.portion(7)
    assert portion.event == b'id: 7\nevent: changes\ndata: [{"id":"a"}]\n\n'
    assert orjson.loads(portion.message) == {"type": "changes", "seq": 7, "changes": [{"id": "a"}]}
    assert len(gathered) == 0
