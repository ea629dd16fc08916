"""What a role may not see is in no entity: rows, fields, places, and the past."""

from __future__ import annotations

from dataclasses import replace

import pytest

from layers.actor import Actor
from layers.database.connection import connect
from layers.policy.read import read_policy
from tests.databases import run_async
from tests.impersonation import Impersonation
from tests.readers import SHIPPED_POLICY
from tests.rights.roles import readers
from tests.server.sensorthings.world import observations, series, things

NARROW = """
roles:
  - {id: anonymous, title_zh: 公众, title_en: Public, clearance: 2}
rules:
  - id: narrow
    roles: [anonymous]
    layers: ["*"]
    grade: 2
    operations: [read, history]
    geometry: cell_500
    fields: {"*": full, level_m: absent}
"""


@pytest.fixture(scope="module")
def asked(sensors, tmp_path_factory):
    """Ask as the holders of the shipped roles, and as one who sees no levels and places by their cell alone."""
    folder = tmp_path_factory.mktemp("policy")
    (folder / "policy.yaml").write_text(NARROW, encoding="utf-8")
    policy = read_policy(folder)
    narrow = Actor("narrow", policy.clearance_of(["anonymous"]), policy=policy)
    actors = {**readers(read_policy(SHIPPED_POLICY)), "narrow": narrow}
    before = sensors.app.state.shared
    sensors.app.state.shared = replace(before, authenticator=Impersonation(actors))
    yield sensors
    sensors.app.state.shared = before


@pytest.fixture
def changing(asked):
    """The same for a test that changes rain gauges: they are put back as they were, and their past is forgotten."""

    async def read():
        connection = await connect(asked.url)
        try:
            return await connection.fetch("SELECT id, data_grade, area_code, grid_code FROM layer.rain_gauges")
        finally:
            await connection.close()

    async def put_back(rows):
        connection = await connect(asked.url)
        try:
            await connection.executemany(
                "UPDATE layer.rain_gauges SET data_grade = $2, area_code = $3, grid_code = $4 WHERE id = $1", rows
            )
            await connection.execute("DELETE FROM past.rain_gauges")
        finally:
            await connection.close()

    before = run_async(read())
    yield asked
    run_async(put_back(list(map(tuple, before))))


def every(asked, path, actor, **options):
    answer = asked.get(path, actor=actor, top="1000", **options)
    assert answer.status_code == 200, answer.text
    return answer.json()["value"]


def test_everybody_sees_nothing_of_a_higher_grade(asked):
    for path in ("Things", "Locations", "Datastreams", "Observations", "ObservedProperties", "FeaturesOfInterest"):
        assert every(asked, path, "anonymous") == []
        assert asked.get(path, actor="anonymous", count="true").json()["@iot.count"] == 0


def test_who_may_look_back_sees_all_observations(asked):
    assert len(every(asked, "Observations", "analyst")) == len(observations())


def test_who_may_not_look_back_sees_the_newest_alone(asked):
    found = every(asked, "Observations", "leader")
    newest = {}
    for layer, name, code, _, value, _ in observations():
        newest[f"{layer}:{name}:{code}"] = value
    assert {one["@iot.id"].rpartition(":")[0]: one["result"] for one in found} == newest
    assert len(every(asked, "Datastreams", "leader")) == len(series())


def test_a_hidden_field_hides_its_series(asked):
    codes = {one["@iot.id"] for one in every(asked, "ObservedProperties", "narrow")}
    assert codes == {code for _, _, code, _, _ in series()} - {"level_m"}
    assert not [one for one in every(asked, "Datastreams", "narrow") if one["@iot.id"].endswith(":level_m")]
    assert not [one for one in every(asked, "Observations", "narrow") if ":level_m:" in one["@iot.id"]]
    assert asked.get("Datastreams('water_level_stations:W1:level_m')", actor="narrow").status_code == 404
    rich = every(asked, "Things", "narrow", filter="Datastreams/ObservedProperty/id eq 'level_m'")
    assert rich == []


def test_a_place_shown_by_its_cell_is_found_by_its_cell(asked):
    (lon, lat), *_ = [(lon, lat) for _, name, _, lon, lat in things() if name == "R1"]
    shown = asked.get("Locations('rain_gauges:R1')", actor="narrow").json()["location"]["coordinates"]
    assert shown != [lon, lat]
    near = f"geo.distance(location, geography'POINT({shown[0]} {shown[1]})') lt 1"
    assert [one["@iot.id"] for one in every(asked, "Locations", "narrow", filter=near)] == ["rain_gauges:R1"]
    true = f"geo.distance(location, geography'POINT({lon} {lat})') lt 1"
    assert every(asked, "Locations", "narrow", filter=true) == []


def test_a_past_of_a_stricter_grade_stays_hidden(changing):
    """Lowering the grade of a feature does not show what it measured while it was secret."""
    path = "Datastreams('rain_gauges:{}:rain_mm')/Observations"
    assert every(changing, path.format("R2"), "analyst")
    changing.execute("UPDATE layer.rain_gauges SET data_grade = 4 WHERE id = 'R2'")
    changing.execute("UPDATE layer.rain_gauges SET data_grade = 2 WHERE id = 'R2'")
    assert every(changing, path.format("R2"), "analyst") == []
    assert every(changing, path.format("R1"), "analyst")


def test_a_past_in_an_area_of_others_stays_hidden(changing):
    """A station that came into the own area does not bring with it what it measured elsewhere."""
    path = "Datastreams('rain_gauges:R1:rain_mm')/Observations"
    actors = changing.app.state.shared.authenticator._actors
    own = replace(actors["analyst"], area_prefixes=("440106011",), policy=None)
    actors["bound"] = replace(own, subject="bound", roles=())
    changing.execute("UPDATE layer.rain_gauges SET area_code = '440106011001', grid_code = NULL WHERE id = 'R1'")
    assert every(changing, "Things('rain_gauges:R1')/Datastreams", "bound")
    assert every(changing, path, "bound") == []
    assert every(changing, path, "analyst")
