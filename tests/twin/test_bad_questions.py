"""Bad input for every operation, made of its description: bounded, refused in words, and never taken otherwise.

Each parameter of each operation is given what cannot be meant, and what is too much, beside an otherwise good question.
"""

from __future__ import annotations

from time import monotonic
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import orjson
import pytest

from layers.database.connection import Role, connect
from tests.layers.schema.fixture import point, put
from tests.twin.answer_datum import OF_HISTORY, OPERATIONS
from tests.twin.service import serving

_P = "lon=113.3316634&lat=23.1395597"
_SPAN = "from=2026-06-08T00:00:00%2B08:00&to=2026-06-09T00:00:00%2B08:00"
QUESTIONS = {
    **{path: asked[0] for path, asked in {**OPERATIONS, **OF_HISTORY}.items() if asked},
    "/twin/events/versions": f"/twin/events/versions?{_SPAN}",
    "/twin/features/{layer}/{feature_id}/related": "/twin/features/video_points/C1/related",
    "/twin/features/{layer}/{feature_id}/observations": (
        f"/twin/features/flood_risk_points/F1/observations?property=water_depth_m&{_SPAN}"
    ),
    "/twin/responsibility": f"/twin/responsibility?{_P}",
    "/twin/join": "/twin/join?left=video_points&right=grids&aggregate=count&f=json",
    "/twin/replay": "/twin/replay?layers=grids&from=2026-06-08T09:00:00Z&to=2026-06-08T09:01:00Z",
    "/twin/fences/transitions": "/twin/fences/transitions",
    "/twin/events/{event_id}/log": "/twin/events/E1/log",
    "/twin/exercises": "/twin/exercises",
    "/twin/refused": "/twin/refused",
    "/twin/incomplete": "/twin/incomplete",
    "/twin/notes": "/twin/notes?area=440106011001",
}
"""A question that is answered, for each operation that takes parameters."""
ALONE = {
    "/twin/download",  # a file
    "/twin/themes", "/twin/outlets", "/twin/feeds", "/twin/rules", "/twin/reports",  # no parameters
    "/twin/refused/{refused_id}", "/twin/incomplete/{event_id}/addresses",  # of what is not in the fixture
}  # fmt: skip
NUMBERS = ["nan", "inf", "-inf", "1e308", "-1e6", "1e6", "9" * 30, "", "x", "0x10", "1_0", "１"]
WORDS = [
    "",
    " ",
    "x" * 5000,
    "\x00",
    "'; DROP TABLE x; --",
    "\ud800".encode("utf-8", "surrogatepass"),
    "no-such",
    ",,,",
]
TIMES = ["", "2999-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "2026-02-30T00:00:00Z", "2026-06-08", "now", "+08:00"]
NO_NUMBERS = {"nan", "inf", "-inf", "", "x", "0x10"}
NO_TIMES = {"", "2026-02-30T00:00:00Z", "2026-06-08", "now", "+08:00"}
FINE = {200, 204, 304, 400, 401, 403, 404, 413}
SECONDS_MAX = 20.0  # a bound, and no measure of speed


@pytest.fixture(scope="module")
def service(cluster, fixture_url):
    with serving(cluster, fixture_url, _put) as running:
        yield running


async def _put(url):
    connection = await connect(url, Role.OWNER)
    try:
        await put(connection, "events", "E1", point(380, 350), title="E1")
        await put(connection, "vehicles", "V1", point(380, 350))
    finally:
        await connection.close()


def described(service):
    """Return the parameters of every operation of the twin that reads: by path, their schemas by name."""
    found = {}
    for path, said in service.app.openapi()["paths"].items():
        if path.startswith("/twin/") and "get" in said:
            listed = said["get"].get("parameters", [])
            found[path] = {one["name"]: one["schema"] for one in listed if one["in"] == "query"}
    return found


def kinds_of(schema):
    return {one.get("type") for one in schema.get("anyOf", [schema])}


def is_time(name):
    return name in {"at", "from", "to", "start", "end"}


def hostile(name, schema):
    """Return what is tried for a parameter, with whether it must be refused."""
    if is_time(name):
        return [(one, one in NO_TIMES) for one in TIMES]
    if kinds_of(schema) & {"number", "integer"}:
        return [(one, one in NO_NUMBERS) for one in NUMBERS]
    return [(one, False) for one in WORDS]


def with_parameter(question, *pairs):
    """Return a question with parameters in the place of its own of the same names."""
    parts = urlsplit(question)
    replaced = {name for name, _ in pairs}
    kept = [(name, value) for name, value in parse_qsl(parts.query) if name not in replaced]
    return f"{parts.path}?{urlencode([*kept, *pairs], quote_via=quote)}"


def test_every_operation_is_asked(service):
    assert {path for path, taken in described(service).items() if taken} <= QUESTIONS.keys() | ALONE
    assert QUESTIONS.keys() | ALONE <= described(service).keys()


@pytest.mark.parametrize("path", QUESTIONS)
def test_what_cannot_be_meant_is_refused_in_words(service, path):
    question = QUESTIONS[path]
    good = service.ask(question)
    assert good.status_code in {200, 204}, good.text
    faults = []
    for name, schema in described(service)[path].items():
        for value, must in hostile(name, schema):
            faults += fault_of(service, with_parameter(question, (name, value)), name, must=must)
        twice = with_parameter(question, (name, "1"), (name, "2"))
        faults += fault_of(service, twice, name, must=True)
    faults += fault_of(service, with_parameter(question, ("no_such", "1")), "no_such", must=False)
    assert faults == []


def fault_of(service, question, name, *, must):
    began = monotonic()
    answer = service.ask(question)
    spent_s = monotonic() - began
    shown = (question[-160:], answer.status_code, answer.text[:160])
    if answer.status_code not in FINE or spent_s > SECONDS_MAX:
        return [shown]
    if answer.status_code == 200:
        return [shown] if must else []
    if answer.status_code == 400 and answer.headers["content-type"] != "application/problem+json":
        return [shown]
    said = orjson.loads(answer.content)
    if not said.get("detail"):
        return [shown]
    return []


AWAY = [(0, 0), (180, 90), (-180, -90), (116.4, 39.9), (113.3316634, -23.1395597), (23.1395597, 113.3316634)]
_PLACED = [path for path, question in QUESTIONS.items() if "lon=" in question or "from=113" in question]


@pytest.mark.parametrize("path", _PLACED)
def test_places_far_away_have_an_answer_or_a_reason(service, path):
    for lon, lat in AWAY:
        place = [("lon", lon), ("lat", lat)] if "lon=" in QUESTIONS[path] else [("from", f"{lon},{lat}")]
        question = with_parameter(QUESTIONS[path], *((name, str(value)) for name, value in place))
        must = abs(lat) > 90  # the axes are exchanged
        assert fault_of(service, question, "lat", must=must) == []


@pytest.mark.parametrize(
    "code", ["999999", "x" * 500, "%00", "44010601100100100100", "'", "..%2F..", "440106011001001 "]
)
def test_an_area_that_does_not_exist_is_not_found(service, code):
    for path in (f"/twin/areas/{code}/features?layers=grids", f"/twin/population?area={code}"):
        answer = service.ask(path)
        assert answer.status_code in {400, 404}, (path, answer.text)
        assert answer.json()["detail"]


_SQUARE = [[113.33, 23.13], [113.34, 23.13], [113.34, 23.14], [113.33, 23.14], [113.33, 23.13]]
POLYGONS = {
    "crosses itself": ([[113.33, 23.13], [113.34, 23.14], [113.34, 23.13], [113.33, 23.14], [113.33, 23.13]], {400}),
    "the world": ([[-180, -90], [180, -90], [180, 90], [-180, 90], [-180, -90]], {200, 400, 413}),
    "outside of its axes": ([[23.13, 113.33], [23.14, 113.33], [23.14, 113.34], [23.13, 113.33]], {400}),
    "open": (_SQUARE[:4], {400}),
    "two positions": (_SQUARE[:2], {400}),
    "no area": ([_SQUARE[0]] * 4, {400}),
    "empty": ([], {400}),
    "no numbers": ([["a", "b"]] * 4, {400}),
    "too many vertices": (
        [[113.33 + n * 1e-9, 23.13 + n % 2 * 1e-9] for n in range(20_000)] + [_SQUARE[0]],
        {400, 413},
    ),
    "beyond doubles": ([[1e308, 1e308], [-1e308, 1e308], [0, -1e308], [1e308, 1e308]], {400}),
}


@pytest.mark.parametrize("shape", POLYGONS)
def test_what_is_no_polygon_is_refused_by_each_that_takes_one(service, shape):
    ring, allowed = POLYGONS[shape]
    area = {"type": "Polygon", "coordinates": [ring]}
    avoiding = {"point": [113.3316634, 23.1395597], "avoid": {"polygons": [area]}}
    bodies = {
        "/twin/population": {"polygon": area},
        "/twin/broadcast-terminals": {"polygon": area},
        "/twin/nearest-resources": avoiding,
    }
    for path, body in bodies.items():
        began = monotonic()
        sent = {"content-type": "application/json"}
        answer = service.ask(path, method="POST", content=orjson.dumps(body), headers=sent)
        assert answer.status_code in allowed, (path, answer.text[:300])
        assert answer.status_code == 200 or answer.json()["detail"]
        assert monotonic() - began < SECONDS_MAX
