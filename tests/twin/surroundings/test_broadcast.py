"""`/twin/broadcast-terminals`: which are heard on a piece of ground, and how much of it they cover."""

from __future__ import annotations

import math

import orjson
import pytest

from layers.database.connection import Role, connect
from tests.layers.schema.fixture import point, put
from tests.twin.fixture import polygon
from tests.twin.service import serving

GROUND = (0, 0, 400, 400)
TERMINALS = {  # place, what is known of its range, whether it works
    "INSIDE": ((200, 200), {"range_m": 100.0}, "online"),
    "CORNER": ((0, 0), {"range_m": 100.0}, "online"),
    "OFF": ((200, 200), {"range_m": 150.0}, "offline"),
    "FAR": ((700, 200), {"range_m": 250.0}, "online"),
    "SHAPED": ((2_000, 200), {"coverage": polygon(300, 300, 900, 900)}, None),
    "BROKEN": ((700, 700), {"coverage": {"type": "Point"}, "range_m": 10.0}, "online"),
}


async def _put_terminals(url):
    connection = await connect(url, Role.OWNER)
    try:
        for name, (place, known, status) in TERMINALS.items():
            fields = {key: orjson.dumps(value).decode() if key == "coverage" else value for key, value in known.items()}
            await put(connection, "broadcast_terminals", name, point(*place), online_status=status, **fields)
    finally:
        await connection.close()


@pytest.fixture(scope="module")
def heard(cluster, fixture_url):
    with serving(cluster, fixture_url, _put_terminals) as running:
        yield running


def ask(service, shape, actor="operator"):
    body = orjson.dumps({"polygon": shape})
    sent = {"content-type": "application/json"}
    return service.ask("/twin/broadcast-terminals", method="POST", actor=actor, content=body, headers=sent)


def test_those_that_work_come_first_then_by_what_they_cover(heard):
    found = ask(heard, polygon(*GROUND)).json()
    told = {one["id"]: one["properties"] for one in found["features"]}
    assert list(told) == ["INSIDE", "SHAPED", "CORNER", "OFF"]  # FAR and BROKEN are not heard there
    circle = math.pi * 100**2 / 400**2
    assert told["INSIDE"]["covered_share"] == pytest.approx(circle, rel=0.02)
    assert told["CORNER"]["covered_share"] == pytest.approx(circle / 4, rel=0.02)
    assert told["SHAPED"]["covered_share"] == pytest.approx(1 / 16, rel=0.01)
    assert [one["usable"] for one in told.values()] == [True, True, True, False]
    assert found["covered_share"] == pytest.approx(circle * 1.25 + 1 / 16, rel=0.02)
    assert found["complete"] is True


def test_an_area_is_ground_too(heard):
    found = heard.json("/twin/broadcast-terminals", area="440106011001001")
    assert (found["name"], len(found["features"])) == ("440106011001001", 4)


def test_who_may_not_see_terminals_gets_none(heard):
    assert ask(heard, polygon(*GROUND), actor="public").status_code == 404


def test_more_than_are_looked_at_are_told(heard, monkeypatch):
    monkeypatch.setattr("twin.surroundings.broadcast.TERMINALS_MAX", 1)
    found = ask(heard, polygon(*GROUND)).json()
    assert (found["complete"], len(found["features"]) <= 1) == (False, True)


@pytest.mark.parametrize("shape", [polygon(90_000, 0, 90_100, 100), {"type": "Polygon", "coordinates": [
    [[-170, 10], [-160, 10], [-160, 20], [-170, 10]]]}])  # fmt: skip
def test_far_away_none_is_heard(heard, shape):
    answer = ask(heard, shape)
    assert (answer.status_code, answer.json()["features"]) == (200, [])
    assert answer.json()["covered_share"] == 0
