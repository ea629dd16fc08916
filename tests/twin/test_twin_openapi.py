"""The operations are described, and answer as described."""

from __future__ import annotations

import jsonschema
import pytest

from tests.twin.fixture import lonlat

LON, LAT = lonlat(350, 350)
ASKED = {
    "/twin/locate": {"lon": LON, "lat": LAT},
    "/twin/nearby": {"lon": LON, "lat": LAT, "radius_m": 300, "layers": "video_points,waterways,grids"},
    "/twin/areas/{code}/features": {"layers": "video_points,waterways,grids"},
    "/twin/nearest-resources": {"lon": LON, "lat": LAT},
    "/twin/reachable": {"lon": LON, "lat": LAT, "minutes": 2},
    "/twin/route": {"from": f"{LON},{LAT}", "to": "113.3350806,23.1395741"},
    "/twin/cameras-seeing": {"lon": LON, "lat": LAT},
    "/twin/cameras-along-route": {"from": f"{LON},{LAT}", "to": "113.3350806,23.1395741"},
    "/twin/waterway-stretch-impact": {"waterway": "W1"},
    "/twin/population": {"area": "440106011001"},
    "/twin/broadcast-terminals": {"area": "440106011001"},
    "/twin/coverage": {"area": "440106011", "from": "2026-06-08T08:00:00Z", "to": "2026-06-08T09:00:00Z"},
}


ON_GROUND = ("/twin/population", "/twin/broadcast-terminals")
"""These are asked by one of several parameters."""


@pytest.fixture(scope="module")
def described(twin):
    return twin.json("/openapi.json")


@pytest.mark.parametrize("path", ASKED)
def test_answers_are_as_described(twin, described, path):
    content = described["paths"][path]["get"]["responses"]["200"]["content"]
    answer = twin.ask(path.replace("{code}", "440106011001001"), **ASKED[path])
    schema = content[answer.headers["content-type"]]["schema"]
    jsonschema.validate(answer.json(), {**schema, "components": described["components"]})


@pytest.mark.parametrize("path", ASKED)
def test_every_parameter_is_described(described, path):
    parameters = {p["name"]: p for p in described["paths"][path]["get"]["parameters"]}
    assert set(ASKED[path]) <= set(parameters)
    needed = {name: p for name, p in parameters.items() if name in ASKED[path] or name == "code"}
    assert all(p["required"] for p in needed.values()) or path in ON_GROUND
    assert all("description" in p for p in parameters.values() if p["in"] == "query")


def test_nobody_caches_one_readers_answer_for_another(twin):
    for path, asked in ASKED.items():
        answer = twin.ask(path.replace("{code}", "440106011001001"), **asked)
        assert answer.headers["cache-control"] == "private, no-cache"
