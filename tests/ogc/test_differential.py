"""The fast path and pygeoapi's own answer every request alike."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from layers.coordinates.crs import SERVED, Crs, transform
from tests.ogc.things import ACTORS

LAYERS = st.sampled_from(["points", "points", "areas", "lines"])
CRS = st.sampled_from([*(c.uri for c in SERVED), "EPSG:4490", "[EPSG:3857]"])
NAMES = st.sampled_from(["id", "name", "height_m", "floors", "active", "built", "seen_at", "status", "area_code"])
DATETIMES = st.sampled_from(
    [
        *(
            "2026-01-05",
            "2026-01-05/2026-01-09",
            "../2026-01-09",
            "2026-01-09/..",
            "2026-01-05T07:00:00Z",
            "2026-01-05/",
        ),
        *("/2026-01-05", "1990-01-01", "2026-01-05T07:00:00+08:00/2026-02-05T07:00:00Z"),
    ]
)
FILTERS = st.sampled_from(
    [
        *(
            "height_m > 6",
            "name LIKE '天河%'",
            "CASEI(name) LIKE CASEI('A<B%')",
            "floors BETWEEN 2 AND 5",
            "active = TRUE",
        ),
        *("name IS NULL", "S_INTERSECTS(geom, BBOX(113.3,23.1,113.35,23.12))", "id IN ('r0001','r0005')"),
        *(
            "T_AFTER(seen_at, TIMESTAMP('2026-01-20T00:00:00Z'))",
            "A_CONTAINS(tags, ('x'))",
            "height_m * 2 > 9 AND floors = 3",
        ),
        "S_WITHIN(geom, POLYGON((113.3 23.1, 113.36 23.1, 113.33 23.16, 113.3 23.1)))",
    ]
)
PROPERTIES = st.sampled_from(
    [("name", "天河 2"), ("floors", "3"), ("active", "true"), ("status", "in_use"), ("built", "2025-01-09")]
)
FAULTS = st.sampled_from(
    [
        *({"bbox": text} for text in ("1,2,3", "a,b,c,d", "113,24,114,23", "", "1,2,3,4,5", "nan,1,2,3", "0,0,inf,1")),
        *(
            {"bbox-crs": "EPSG:4490"},
            {"bbox": "113,23,114,24", "bbox-crs": "EPSG:9999"},
            {"crs": "EPSG:9999"},
            {"crs": ""},
        ),
        *({"datetime": text} for text in ("yesterday", "", "../..", "2026-02-30", "2026-01-09/2026-01-05")),
        *(
            {"filter": text}
            for text in ("nothing = 1", "height_m = 'tall'", "(((", "", "secret = 's'", "inner = 'never'")
        ),
        *({"filter": "floors = 1", "filter-lang": "xpath"}, {"filter": "floors = 1", "filter-crs": "EPSG:9999"}),
        *({"sortby": text} for text in ("nothing", "secret", "name,name", "tags", ",")),
        *({"properties": text} for text in ("nothing", "secret", "name,inner", "contact")),
        *({"limit": text} for text in ("0", "-1", "x", "", "1.5", "9" * 30)),
        *({"offset": text} for text in ("-1", "x", "9" * 30)),
        *({"skipGeometry": "maybe"}, {"resulttype": "x"}, {"colour": "red"}, {"f": "xml"}, {"cursor": "x"}, {"q": "x"}),
        *({"floors": "x"}, {"secret": "secret"}, {"built": "tomorrow"}, {"lang": "xx"}, {"name": "a\0b"}),
    ]
)


@st.composite
def boxes(draw):
    west, south = draw(st.floats(113.28, 113.42)), draw(st.floats(23.08, 23.2))
    east, north = west + draw(st.floats(0, 0.05)), south + draw(st.floats(0, 0.05))
    kind = draw(st.sampled_from(["plain", "six", "antimeridian", *SERVED]))
    if not isinstance(kind, Crs):
        return {
            "plain": {"bbox": f"{west},{south},{east},{north}"},
            "six": {"bbox": f"{west},{south},-10,{east},{north},100"},
            "antimeridian": {"bbox": f"{east},{south},{west},{north}"},
        }[kind]
    corners = transform(np.array([[west, south], [east, north]]), 4490, kind.srid)
    corners = np.array([corners.min(axis=0), corners.max(axis=0)])  # parallels are not level in a projection
    ordered = corners[:, ::-1] if kind.flips else corners
    return {"bbox": ",".join(map(repr, ordered.ravel().tolist())), "bbox-crs": kind.uri}


@st.composite
def requests(draw):
    def perhaps(name, values):
        return {name: draw(values)} if draw(st.integers(0, 2)) == 0 else {}

    sort = st.lists(st.tuples(st.sampled_from(["", "-", "+"]), NAMES), min_size=1, max_size=2, unique_by=lambda k: k[1])
    asked = draw(boxes()) if draw(st.booleans()) else {}
    asked |= perhaps("crs", CRS) | perhaps("datetime", DATETIMES) | perhaps("filter", FILTERS)
    asked |= perhaps("sortby", sort.map(lambda keys: ",".join(sign + name for sign, name in keys)))
    asked |= perhaps("properties", st.lists(NAMES, max_size=3).map(",".join))
    asked |= perhaps("skipGeometry", st.sampled_from(["true", "false"]))
    asked |= perhaps("limit", st.sampled_from(["1", "7", "50", "200", "100000"]))
    asked |= perhaps("offset", st.sampled_from(["0", "3", "199", "1000"]))
    asked |= perhaps("resulttype", st.sampled_from(["hits", "results"]))
    return asked | (dict([draw(PROPERTIES)]) if draw(st.integers(0, 4)) == 0 else {})


def same(service, path, actor, **asked):
    """Ask both ways and compare everything a client can see, but the time stamp."""
    fast, slow = (service.ask(path, slow=slow, actor=actor, **asked) for slow in (False, True))
    assert fast.status_code == slow.status_code, (fast.text, slow.text)
    assert fast.status_code in {200, 400, 404}
    if fast.status_code != 200:
        assert fast.json() == slow.json()
        return fast
    assert fast.headers["content-crs"] == slow.headers["content-crs"]
    assert fast.headers["content-type"] == slow.headers["content-type"] == "application/geo+json"
    one, other = fast.json(), slow.json()
    for document in (one, other):
        document.pop("timeStamp", None)
    assert one == other
    return fast


SOUND = {"deadline": None, "suppress_health_check": [HealthCheck.function_scoped_fixture], "derandomize": True}


@pytest.mark.requirement("http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core")
@settings(max_examples=250, **SOUND)
@given(LAYERS, st.sampled_from(list(ACTORS)), requests())
@example("points", "anonymous", {"properties": ""})
@example("points", "anonymous", {"sortby": ""})
@example("points", "anonymous", {"limit": "100", "sortby": "name"})
@example("plain_list", "anonymous", {"limit": "100", "sortby": "name"})
@example("plain_list", "anonymous", {"datetime": "2020-01-01", "crs": "EPSG:3857"})
def test_a_page_is_the_same(service, layer, actor, asked):
    answer = same(service, f"collections/{layer}/items", actor, **asked)
    assert answer.status_code == 200, answer.text


@settings(max_examples=150, **SOUND)
@given(st.sampled_from(["points", "plain_list"]), st.sampled_from(["anonymous", "masked"]), requests(), FAULTS)
@example("hidden", "anonymous", {}, {})
@example("nowhere", "operator", {}, {})
@example("plain_list", "operator", {}, {"bbox": "1,2,3,4"})
def test_a_fault_is_told_in_the_same_words(service, layer, actor, asked, fault):
    answer = same(service, f"collections/{layer}/items", actor, **(asked | fault))
    assert answer.status_code in {400, 404} or fault in ({"lang": "xx"}, {"properties": "contact"}), answer.text


@settings(max_examples=60, **SOUND)
@given(
    LAYERS,
    st.sampled_from(list(ACTORS)),
    st.sampled_from(["r0000", "r0001", "r0002", "r0007", "nobody", "a/b", "a%00b", "%25", "天"]),
    st.none() | CRS,
)
def test_a_feature_is_the_same(service, layer, actor, feature, crs):
    same(service, f"collections/{layer}/items/{feature}", actor, **({} if crs is None else {"crs": crs}))


@pytest.mark.parametrize("sortby", ["", "-height_m", "name,-seen_at", "floors"])
def test_pages_followed_by_their_next_link_are_the_same(service, sortby):
    asked = {"limit": "9", "sortby": sortby} if sortby else {"limit": "9"}
    seen, target = [], None
    for _ in range(40):
        answer = same(service, target or "collections/points/items", "operator", **({} if target else asked))
        document = answer.json()
        seen += [feature["id"] for feature in document["features"]]
        target = next((link["href"] for link in document["links"] if link["rel"] == "next"), None)
        if target is None:
            break
    assert sorted(seen) == [f"r{i:04}" for i in range(200)]


@settings(max_examples=40, **SOUND)
@given(FILTERS, st.sampled_from(["cql2-text", "cql-text", "cql2-json", "xpath"]))
def test_a_filter_in_the_body_is_the_same(service, text, language):
    how = {
        "method": "POST",
        "content": text.encode(),
        "headers": {"content-type": "text/plain"},
        "filter__lang": language,
    }
    same(service, "collections/points/items", "anonymous", **how)
