"""The index of channels finds what asking each of them would find."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from layers.actor import Actor
from layers.catalog import Catalog, Layer
from layers.definition import LayerDefinition
from tests.layers.cameras import CAMERAS
from twin.live.channel import Channel, channel_key
from twin.live.interest import Interest
from twin.live.matching import Matching
from twin.live.rights_mark import RightsMark
from twin.live.rows import FeatureProperties
from twin.live.visibility import Visibility

WITHOUT_AREAS = LayerDefinition(
    id="weather", title_zh="天气", title_en="Weather", geometry_type="None", grade=1, fields=()
)
CATALOG = Catalog({d.id: Layer(d, 1, datetime.now(UTC), lowest_grade=1) for d in (CAMERAS, WITHOUT_AREAS)})

codes = st.sampled_from(
    ["44", "440106", "440106011", "440106012", "440106011001", "440106011001001", "440106011001002", "440106012001001"]
)
places = st.sampled_from([113.2, 113.3, 113.3001, 113.35, 113.9, 114.5])
edges = st.tuples(places, places).map(sorted)
boxes = st.builds(lambda x, y: (x[0], y[0] - 90, x[1], y[1] - 90), edges, edges)
interests = st.builds(
    Interest,
    st.frozensets(st.sampled_from(["cameras", "weather", "vehicles"]), max_size=2),
    st.lists(codes, max_size=2, unique=True).map(tuple),
    st.none() | boxes,
)
actors = st.lists(codes, max_size=2, unique=True).map(lambda areas: Actor("a", 4, tuple(areas)))


def mark_of(interest, actor):
    return RightsMark.of(actor, CATALOG, interest.layers)


ANYBODY = Actor("a", 2)


@st.composite
def changes(draw):
    change = {
        "kind": "event",
        "layer": draw(st.sampled_from(["cameras", "weather", "vehicles"])),
        "id": "x",
        "grade": 1,
    }
    if grid := draw(st.none() | codes.filter(lambda code: len(code) == 15)):
        change |= {"grid_code": grid, "area_code": draw(st.sampled_from([grid[:12], "440106012001", None]))}
    if draw(st.booleans()):
        change |= {"lon": draw(places), "lat": draw(places) - 90}
    return change


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(interests, actors), max_size=12), changes(), st.data())
def test_every_channel_that_wants_a_change_is_found(asked, change, data):
    matching = Matching()
    channels = [
        Channel(channel_key(i, mark_of(i, a)), i, Visibility(a, lambda: CATALOG), mark_of(i, a)) for i, a in asked
    ]
    for channel in channels:
        matching.add(channel)
    gone = [channel for channel in channels if data.draw(st.booleans())]
    for channel in gone:
        matching.discard(channel)
    rows = FeatureProperties()
    wanted = {c for c in channels if c not in gone and c.wants(change, rows.of)}
    layer = CATALOG.get(change["layer"])
    is_public = layer is not None and layer.definition.grade == 1
    found = matching.find(change, rows.place(change), is_public=is_public)
    assert {c for c in found if c.wants(change, rows.of)} == wanted
    assert not found & set(gone)


def test_a_change_is_shown_to_its_own_area_among_thousands():
    matching = Matching()
    for number in range(2000):
        interest = Interest(areas=(f"440106{number:09d}",))
        matching.add(Channel(interest, interest, Visibility(ANYBODY, lambda: CATALOG), mark_of(interest, ANYBODY)))
    change = {
        "kind": "event",
        "layer": "cameras",
        "id": "x",
        "grid_code": "440106000000007",
        "area_code": "440106000000",
    }
    assert len(matching.find(change, None, is_public=False)) == 1
