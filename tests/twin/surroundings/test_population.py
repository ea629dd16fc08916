"""`/twin/population`: those who live on a piece of ground, by buildings and by communities whose numbers are known."""

from __future__ import annotations

import orjson
import pytest

from layers.database.connection import Role, connect
from layers.schema.derive import derive
from layers.schema.tables import table_of
from tests.layers.schema.fixture import box, put
from tests.twin.fixture import polygon
from tests.twin.service import serving
from twin.surroundings import ground

WEST, EAST = "440106011001", "440106011002"  # communities of 400 by 800 m
HERE = (110, 100, 600, 400)  # west, south, east, north: 290 m wide in the one, 200 m in the other


async def _settle(url):
    """Let people live in both communities; in the east there is a building of which nobody knows how many."""
    connection = await connect(url, Role.OWNER)
    try:
        for community, people in ((WEST, 8_000), (EAST, 4_000)):
            update = f"UPDATE {table_of('communities')} SET population_resident = $2 WHERE id = $1"
            await connection.execute(update, community, people)
        await connection.execute(f"UPDATE {table_of('buildings')} SET population = 100 WHERE id = 'K1'")
        await put(connection, "buildings", "HALF", box(100, 100, 120, 120), population=40)
        await put(connection, "buildings", "AWAY", box(100, 700, 120, 720), population=7)
        await put(connection, "buildings", "UNKNOWN", box(500, 200, 520, 220))
        await derive(connection, "buildings")
        await connection.execute(
            f"""INSERT INTO {table_of("events")} (id, source, title, stage, occurred_at, geom, area, data_grade)
            SELECT 'WARN', 'cap', '暴雨', 'file', now(), geom, $1::jsonb, 1 FROM {table_of("events")} WHERE id = 'P'""",
            orjson.dumps(polygon(*HERE)).decode(),
        )
    finally:
        await connection.close()


@pytest.fixture(scope="module")
def settled(cluster, fixture_url):
    with serving(cluster, fixture_url, _settle) as running:
        yield running


def ask(service, shape, actor="operator", **more):
    body = orjson.dumps({"polygon": shape, **more})
    sent = {"content-type": "application/json"}
    return service.ask("/twin/population", method="POST", actor=actor, content=body, headers=sent)


def told(found):
    return {one["id"]: (one["properties"]["method"], one["properties"]["people"]) for one in found["features"]}


def test_buildings_count_by_their_part_and_elsewhere_the_community_by_its_own(settled):
    found = ask(settled, polygon(*HERE)).json()
    people = {name: number for name, (_, number) in told(found).items()}
    assert people[WEST] == pytest.approx(100 + 40 / 2, abs=0.1)
    assert people[EAST] == pytest.approx(4_000 * 200 * 300 / (400 * 800), rel=1e-3)
    assert told(found)[EAST][0] == "community_by_area"
    assert (found["people"], found["method"]) == (870, "buildings_by_area+community_by_area")
    assert found["area_m2"] == pytest.approx(490 * 300, rel=1e-3)
    assert found["complete"] is True


def test_whose_numbers_of_buildings_one_may_not_know_do_not_count(settled):
    found = ask(settled, polygon(*HERE), actor="anonymous").json()
    assert told(found)[WEST] == ("community_by_area", pytest.approx(8_000 * 290 * 300 / (400 * 800), rel=1e-3))
    hidden = ask(settled, polygon(*HERE), actor="public").json()
    assert (hidden["people"], hidden["method"], hidden["complete"]) == (None, "unknown", False)


def test_in_the_own_area_buildings_count_and_elsewhere_not(settled):
    found = ask(settled, polygon(*HERE), actor="officer").json()
    assert told(found)[WEST][0] == "buildings_by_area"
    assert told(found)[EAST][0] == "unknown"  # the name of another community is public, and its number is not


def test_an_area_and_what_a_warning_names_are_ground_too(settled):
    west = settled.json("/twin/population", area=WEST)
    assert (west["people"], west["method"], west["name"], west["complete"]) == (147, "buildings_by_area", WEST, True)
    warned = settled.json("/twin/population", event="WARN")
    assert (warned["people"], warned["name"]) == (870, "WARN")


def test_beyond_all_communities_nobody_knows(settled):
    found = ask(settled, polygon(900, 900, 950, 950)).json()
    assert (found["people"], found["complete"], found["features"]) == (None, False, [])
    half = ask(settled, polygon(-100, 100, 100, 200)).json()
    assert (half["people"], half["complete"]) == (0, False)


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({}, 400),
        ({"area": WEST, "event": "WARN"}, 400),
        ({"area": "nowhere"}, 404),
        ({"event": "P"}, 404),
        ({"event": "a\0b"}, 404),
        ({"area": WEST, "at": "yesterday"}, 400),
    ],
)
def test_limits(settled, asked, status):
    answer = settled.ask("/twin/population", **asked)
    assert answer.status_code == status, answer.text


@pytest.mark.parametrize(
    ("shape", "more", "status"),
    [
        ({"type": "Point", "coordinates": [113.33, 23.14]}, {}, 400),
        ({"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]]}, {}, 400),
        ({}, {}, 400),
        (polygon(*HERE), {"crs": "EPSG:1"}, 400),
        (polygon(*HERE), {"area": WEST}, 400),
    ],
)
def test_bad_polygons(settled, shape, more, status):
    answer = ask(settled, shape, **more)
    assert answer.status_code == status, answer.text


def test_a_polygon_has_so_many_vertices(settled, monkeypatch):
    monkeypatch.setattr(ground, "VERTICES_MAX", 4)
    assert ask(settled, polygon(*HERE)).status_code == 413
