"""`/twin/coverage`: the roads within reach of tracks, against lengths that are known."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from layers.actor import Actor
from layers.database.connection import Role, connect
from layers.policy.read import read_policy
from layers.schema.tables import table_of
from tests.readers import SHIPPED_POLICY
from tests.rights.roles import readers
from tests.rights.service import Readers
from tests.rights.service import serving as serving_readers
from tests.twin.fixture import lonlat
from tests.twin.service import serving

BEGIN = datetime(2026, 6, 8, 8, tzinfo=UTC)
HOUR = {"from": "2026-06-08T08:00:00Z", "to": "2026-06-08T09:00:00Z"}
STREET = "440106011"
ROUGHLY = """
roles:
  - {id: anonymous, title_zh: 公众, title_en: Public, clearance: 1}
  - {id: rough, title_zh: 约, title_en: Rough, clearance: 3}
  - {id: late, title_zh: 迟, title_en: Late, clearance: 3}
  - {id: exact, title_zh: 准, title_en: Exact, clearance: 3}
rules:
  - {id: areas, roles: [rough, late, exact], layers: [districts, streets, communities, grids, roads], grade: 3}
  - {id: rough, roles: [rough], layers: [vehicles], grade: 3, geometry: cell_500}
  - {id: late, roles: [late], layers: [vehicles], grade: 3, fields: {position_at: hour}}
  - {id: exact, roles: [exact], layers: [vehicles], grade: 3}
"""
SWEPT = [(x, 350) for x in range(350, 701, 25)]  # the whole of RD1, there and back


@pytest.fixture(scope="module")
def swept(cluster, fixture_url):
    """The fixture after a sweeper has been along RD1 twice, and a bus along RD4."""
    with serving(cluster, fixture_url, _sweep) as running:
        yield running


async def _sweep(url):
    connection = await connect(url, Role.OWNER)
    try:
        for name, kind in (("V1", "sanitation_sweep"), ("V2", "bus"), ("V3", "sanitation_sweep")):
            await connection.execute(
                f"""INSERT INTO {table_of("vehicles")} (id, vehicle_kind, geom, data_grade)
                VALUES ($1, $2, ST_SetSRID(ST_MakePoint(113.33, 23.14), 4490), 3)""",
                name,
                kind,
            )
        ways = {
            "V1": [*SWEPT, *reversed(SWEPT)],
            "V2": [(350, y) for y in range(350, 751, 25)],
            "V3": [(700, 350), (700, 50)],  # 300 m in one step, with nothing known between, 20 minutes apart
        }
        for name, places in ways.items():
            step = timedelta(minutes=20) if name == "V3" else timedelta(seconds=10)
            rows = [("vehicles", name, BEGIN + n * step, *lonlat(*place)) for n, place in enumerate(places)]
            await connection.executemany(
                "INSERT INTO twin.position (layer, id, phenomenon_time, lon, lat) VALUES ($1, $2, $3, $4, $5)", rows
            )
        await connection.execute(  # of the bus it is known in which community it was, for the first half of its way
            """UPDATE twin.position SET area_code = '440106011001', grid_code = '440106011001001'
            WHERE id = 'V2' AND phenomenon_time < $1""",
            BEGIN + timedelta(seconds=80),
        )
        for name, on_duty in (("W1", True), ("W2", False)):
            await connection.execute(
                f"""INSERT INTO {table_of("grid_workers")} (id, on_duty, geom, data_grade)
                VALUES ($1, $2, ST_SetSRID(ST_MakePoint(113.33, 23.14), 4490), 3)""",
                name,
                on_duty,
            )
            await connection.execute(
                """INSERT INTO twin.position (layer, id, phenomenon_time, lon, lat)
                SELECT 'grid_workers', $1, phenomenon_time, lon, lat FROM twin.position WHERE id = 'V2'""",
                name,
            )
    finally:
        await connection.close()


def asked(service, actor="operator", **question):
    return service.json(
        "/twin/coverage", actor=actor, **{"area": STREET, "types": "sanitation_sweep", **HOUR, **question}
    )


def test_the_share_of_the_road_that_was_swept(swept):
    found = asked(swept)
    told = {one["id"]: one["properties"] for one in found["features"]}
    assert found["length_m"] == pytest.approx(1400, rel=3e-4)
    assert told["RD1"]["share"] == 1  # passed twice, it counts once
    assert told["RD4"]["covered_m"] == pytest.approx(15, abs=2)  # where it meets RD1
    assert told["RD2"]["covered_m"] == pytest.approx(30, abs=4)  # its ends alone: what lies between is not known
    assert found["covered_m"] == pytest.approx(sum(one["covered_m"] for one in told.values()), abs=0.2)
    assert found["share"] == pytest.approx(found["covered_m"] / found["length_m"], abs=1e-4)
    assert (found["movers"], next(iter(told))) == (2, "RD4")


def test_other_times_types_and_areas_are_others(swept):
    assert asked(swept, types="bus")["covered_m"] == pytest.approx(415, abs=4)
    assert asked(swept, **{"from": "2026-06-08T10:00:00Z", "to": "2026-06-08T11:00:00Z"})["covered_m"] == 0
    assert asked(swept, area="440106011001001")["length_m"] < 500


def test_who_may_not_look_back_at_them_is_refused(swept):
    answer = swept.ask("/twin/coverage", actor="public", area=STREET, **HOUR)
    assert answer.status_code == 400  # there is no such layer for them


def test_where_movers_were_counts_in_the_own_areas_alone(swept):
    bound = asked(swept, actor="officer", area="440106011001", types="")
    assert (bound["movers"], bound["positions"]) == (1, 8)  # positions without an area are in none of theirs
    assert asked(swept, types="bus")["positions"] == 17


@pytest.fixture(scope="module")
def ruled(swept):
    """The same for holders of the shipped policy's roles."""
    running = Readers(swept.url, readers(read_policy(SHIPPED_POLICY)))
    yield running
    running.close()


def test_who_sees_where_some_are_gets_those(swept, ruled):
    found = asked(ruled, actor="district_dispatcher", layer="grid_workers", types="")
    assert (found["movers"], found["positions"]) == (1, 17)  # the one on duty
    assert asked(swept, layer="grid_workers", types="")["movers"] == 2


@pytest.mark.parametrize("role", ["leader", "street_dispatcher"])
def test_who_may_not_look_back_is_refused(ruled, role):
    assert ruled.ask("/twin/coverage", actor=role, area=STREET, **HOUR).status_code == 403


def test_who_sees_roughly_where_they_were_is_refused(swept, tmp_path):
    folder = tmp_path / "policy"
    folder.mkdir()
    (folder / "policy.yaml").write_text(ROUGHLY, encoding="utf-8")
    policy = read_policy(folder)
    actors = {role: Actor(role, 3, policy=policy, roles=(role,)) for role in ("rough", "late", "exact")}
    with serving_readers(swept.url, actors) as running:
        told = {role: running.ask("/twin/coverage", actor=role, area=STREET, **HOUR) for role in actors}
    assert {role: answer.status_code for role, answer in told.items()} == {"rough": 403, "late": 403, "exact": 200}
    assert "roughly" in told["rough"].json()["detail"]


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        ({"area": "nowhere"}, 404),
        ({"buffer_m": 0}, 400),
        ({"buffer_m": 1e6}, 400),
        ({"to": "2026-06-08T07:00:00Z"}, 400),
        ({"to": "2026-06-28T07:00:00Z"}, 413),
        ({"layer": "grids"}, 400),
        ({"types": "submarine"}, 400),
    ],
)
def test_limits(swept, wrong, status):
    answer = swept.ask("/twin/coverage", **{"area": STREET, **HOUR, **wrong})
    assert answer.status_code == status, answer.text
