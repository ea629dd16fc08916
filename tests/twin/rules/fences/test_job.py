"""Fences over a real database: drawn and flooded ones; transitions are logged and stored once, also across a kill."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from layers.actor import Actor
from layers.catalog import read_catalog
from layers.coordinates.crs import STORED_SRID, transform
from layers.coordinates.district_crs import measuring_srid
from layers.database.connection import Role, connect, create_pool
from layers.definition import FieldDefinition, LayerDefinition
from layers.schema.tables import create_layer
from twin.connectors.protocols import read_registry
from twin.envelope.message import Message
from twin.intake.intake import Intake
from twin.live.visibility import Visibility
from twin.log.changes import frames_since
from twin.log.follower import Follower
from twin.rules.fences.job import CURSOR, FenceRun

pytestmark = pytest.mark.anyio
NOON = datetime(2026, 6, 8, 4, tzinfo=UTC)
FENCE = """
name: drawn
kind: fence
title_zh: 手绘围栏
title_en: Drawn fences
movers: {layer: vehicles}
areas: {layer: fences}
fixes: 2
margin_m: 10
dwell: 5 min
"""
DRAWN = LayerDefinition(
    id="fences",
    title_zh="围栏",
    title_en="Fences",
    geometry_type="MultiPolygon",
    grade=1,
    fields=(
        FieldDefinition(name="name", title_zh="名称", title_en="Name", type="string"),
        FieldDefinition(name="kind", title_zh="类别", title_en="Kind", type="string"),
    ),
)
DRAW = """
INSERT INTO layer.fences (id, name, kind, geom) VALUES ($1, $2, $3,
    ST_Multi(ST_Transform(ST_MakeEnvelope($4, $5, $6, $7, 4547), 4490)))
"""
ORIGIN_M = np.array([431200.0, 2559800.0])  # of the worked fixture


class City:
    """Vehicles and fences."""

    def __init__(self, url, owner, pool, intake, catalog, folder) -> None:
        self.url, self.owner, self.pool, self.intake, self.catalog = url, owner, pool, intake, catalog
        self.folder, self.now, self.sent = folder, NOON, itertools.count()
        self.watch, self.follower = None, None

    async def start(self):
        if self.follower is not None:
            await self.follower.__aexit__(None, None, None)
        self.watch = FenceRun(self.pool, lambda: self.catalog, self.folder, self.clock)
        self.follower = Follower(self.url, self.pool, CURSOR)
        await self.follower.__aenter__()

    def clock(self):
        return self.now

    async def work(self):
        self.catalog = await read_catalog(self.owner)
        self.watch._looked_at = 0.0
        for one in self.watch._sets.values():
            one.read_at -= 3600
        while await self.watch.go(self.follower):
            pass

    async def draw(self, name, west, south, east, north, kind="flood"):
        x, y = ORIGIN_M
        await self.owner.execute(DRAW, name, f"围栏{name}", kind, x + west, y + south, x + east, y + north)

    async def drive(self, vehicle, *ways):
        for seconds, x, y in ways:
            lon, lat = transform((np.array([[x, y]]) + ORIGIN_M), measuring_srid(), STORED_SRID)[0]
            self.now = max(self.now, NOON + timedelta(seconds=seconds))
            usual = dict.fromkeys(Message._fields) | {"version": 1, "mode": "actual", "suspect": False, "data": {}}
            message = Message(
                **usual
                | {"kind": "position", "source": "/feeds/test", "id": f"p{next(self.sent)}", "type": "test"}
                | {"layer": "vehicles", "feature_id": vehicle, "lon": float(lon), "lat": float(lat)}
                | {"phenomenon_time": NOON + timedelta(seconds=seconds)}
            )
            await self.intake.offer("test", [message])

    async def told(self):
        rows = await self.owner.fetch("SELECT * FROM twin.fence_transition ORDER BY at, id")
        return [
            (row["action"], row["mover"], row["area_id"], round((row["at"] - NOON).total_seconds())) for row in rows
        ]

    async def logged(self):
        frames = await frames_since(self.owner, 0)
        changes = [change for frame in frames for _, change in frame.changes()]
        return [change for change in changes if change["kind"] == "fence"]


@pytest.fixture
async def city(fixture_copy_url, tmp_path):
    folder = tmp_path / "rules"
    folder.mkdir()
    (folder / "drawn.yaml").write_text(FENCE, encoding="utf-8")
    owner = await connect(fixture_copy_url)
    await create_layer(owner, DRAWN)
    catalog = await read_catalog(owner)
    pool = await create_pool(fixture_copy_url, Role.INGEST, size=3)
    city = City(fixture_copy_url, owner, pool, None, catalog, folder)
    city.intake = Intake(fixture_copy_url, read_registry(tmp_path / "feeds"), tmp_path, lambda: city.catalog)
    await city.intake.start()
    await city.start()
    yield city
    await city.follower.__aexit__(None, None, None)
    await city.intake.stop()
    await pool.close()
    await owner.close()


async def test_a_vehicle_enters_dwells_and_leaves(city):
    await city.draw("A", 0, 0, 100, 100)
    await city.work()
    await city.drive("V1", (0, -50, 50), (10, 50, 50), (20, 51, 50))
    await city.work()
    assert await city.told() == [("enter", "V1", "A", 10)]
    for seconds in range(60, 330, 60):
        await city.drive("V1", (seconds, 50, 50))
    city.now = NOON + timedelta(seconds=320)
    await city.work()
    await city.drive("V1", (330, 200, 50), (340, 220, 50))
    await city.work()
    assert await city.told() == [("enter", "V1", "A", 10), ("dwell", "V1", "A", 310), ("exit", "V1", "A", 330)]
    logged = await city.logged()
    assert [(change["action"], change["id"], change["area_name"]) for change in logged] == [
        ("enter", "V1", "围栏A"),
        ("dwell", "V1", "围栏A"),
        ("exit", "V1", "围栏A"),
    ]
    assert {change["layer"] for change in logged} == {"vehicles"}
    assert all(change["grade"] >= 3 for change in logged), "who may not see the vehicle hears nothing"
    assert logged[0]["lon"] is not None
    shown = Visibility(Actor("a", 4), lambda: city.catalog).shown(logged[0])
    assert (shown["kind"], shown["action"], shown["area_id"]) == ("fence", "enter", "A")
    assert Visibility(Actor("a", 2), lambda: city.catalog).shown(logged[0]) is None


async def test_a_fence_that_is_drawn_now_counts_from_now_and_one_that_goes_lets_out(city):
    await city.work()
    await city.drive("V1", (0, 50, 50), (10, 50, 50))
    await city.work()
    assert await city.told() == []
    await city.draw("B", 0, 0, 100, 100)
    await city.work()
    await city.drive("V1", (20, 50, 50), (30, 50, 50))
    await city.work()
    assert await city.told() == [("enter", "V1", "B", 20)]
    await city.owner.execute("DELETE FROM layer.fences")
    await city.work()
    assert (await city.told())[-1][:3] == ("exit", "V1", "B")


async def test_filters_choose_areas_and_movers(city):
    text = FENCE.replace("{layer: fences}", "{layer: fences, filter: \"kind = 'flood'\"}")
    text = text.replace("{layer: vehicles}", "{layer: vehicles, filter: \"vehicle_kind = 'muck_truck'\"}")
    (city.folder / "drawn.yaml").write_text(text.replace("fixes: 2", "fixes: 1"), encoding="utf-8")
    kinds = {"V1": "muck_truck", "V2": "bus"}
    for vehicle, kind in kinds.items():
        await city.owner.execute("INSERT INTO layer.vehicles (id, vehicle_kind) VALUES ($1, $2)", vehicle, kind)
    await city.draw("A", 0, 0, 100, 100)
    await city.draw("B", 0, 0, 100, 100, kind="other")
    await city.work()
    for vehicle in kinds:
        await city.drive(vehicle, (10, 50, 50))
    await city.work()
    assert await city.told() == [("enter", "V1", "A", 10)]


async def test_points_with_a_radius_are_fences_while_the_water_stands(city):
    text = FENCE.replace("{layer: fences}", '{layer: flood_risk_points, filter: "water_depth_m > 0.15", radius_m: 60}')
    (city.folder / "drawn.yaml").write_text(text.replace("fixes: 2", "fixes: 1"), encoding="utf-8")
    await city.work()
    assert "water_depth_m" not in str(city.watch._faults), city.watch._faults
    await city.drive("V1", (0, 250, 240))
    await city.work()
    assert await city.told() == []
    usual = dict.fromkeys(Message._fields) | {"version": 1, "mode": "actual", "suspect": False, "data": {}}
    depth = Message(
        **usual
        | {"kind": "observation", "source": "/feeds/test", "id": "d1", "type": "test", "layer": "flood_risk_points"}
        | {"feature_id": "F1", "phenomenon_time": NOON, "property_code": "water_depth_m", "value": 0.3}
    )
    await city.intake.offer("test", [depth])
    await city.work()
    await city.drive("V1", (10, 250, 245))
    await city.work()
    assert await city.told() == [("enter", "V1", "F1", 10)]


async def test_killed_at_any_moment_every_transition_is_told_once(city):
    await city.draw("A", 0, 0, 100, 100)
    await city.draw("B", 300, 0, 320, 100)
    await city.work()
    way = [(10 * n, 40 * n - 60, 50) for n in range(14)]
    for n, fix in enumerate(way):
        await city.drive("V1", fix)
        if n % 3 == 0:  # before it has written anything
            city.watch._clock = None  # called between deciding and writing
            with pytest.raises(TypeError):
                await city.work()
            await city.start()
        elif n % 3 == 1:  # after
            await city.work()
            await city.start()
    await city.work()
    expected = [("enter", "V1", "A", 20), ("exit", "V1", "A", 50), ("cross", "V1", "B", 100)]
    assert await city.told() == expected
    assert [change["action"] for change in await city.logged()] == ["enter", "exit", "cross"]
    await city.start()
    await city.work()
    assert await city.told() == expected


async def test_what_is_wrong_with_a_set_is_said_and_the_others_work(city):
    (city.folder / "other.yaml").write_text(
        FENCE.replace("name: drawn", "name: other").replace("{layer: fences}", "{layer: nowhere}"), encoding="utf-8"
    )
    third = FENCE.replace("name: drawn", "name: third").replace("{layer: fences}", '{layer: fences, filter: "x = 1"}')
    (city.folder / "third.yaml").write_text(third, encoding="utf-8")
    await city.draw("A", 0, 0, 100, 100)
    await city.work()
    await city.drive("V1", (0, 50, 50), (10, 50, 50))
    await city.work()
    assert await city.told() == [("enter", "V1", "A", 0)]
    assert city.watch._faults.keys() == {"other", "third"}
    state = await city.owner.fetchval("SELECT state ->> 'faults' FROM twin.cursor WHERE name = 'fences'")
    assert "nowhere" in state
