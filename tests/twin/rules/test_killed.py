"""The ingest process is killed repeatedly while it runs rules and fences: every message is sent once."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest

from server.settings import load_settings
from tests.databases import count_rows
from tests.twin.ingest_process import Ingest
from tests.twin.rules.conftest import P
from tests.twin.waiting import until

pytestmark = pytest.mark.anyio
POINTS, ROUNDS = 9, 3
FENCE = """
name: village
kind: fence
title_zh: 城中村
title_en: Village
movers: {layer: vehicles}
areas: {layer: urban_villages}
fixes: 1
margin_m: 0
"""


def settings_of(house, home):
    (house.folder / "village.yaml").write_text(FENCE, encoding="utf-8")
    feeds = {"folder": home / "feeds"}
    rules, database = {"folder": house.folder}, {"url": house.url}
    return load_settings(home=home, feeds=feeds, rules=rules, database=database)


async def test_whatever_kills_the_process_every_alarm_and_every_entry_is_told_once(house, tmp_path):
    await house.end()
    numbers = random.Random(1)
    settings = settings_of(house, tmp_path)
    began = datetime.now(UTC) - timedelta(minutes=5)
    minutes = (began - datetime(2026, 6, 8, 4, tzinfo=UTC)) / timedelta(minutes=1)

    async def send(n):
        depth = house.observation("flood_risk_points", f"T{n:02d}", minutes, "water_depth_m", 0.2)
        away, inside = (P[0], P[1] - 0.01), P
        ways = [
            house.position(f"V{n:02d}", minutes + k / 60, *place)
            for k, place in enumerate([away, inside, inside, away])
        ]
        await house.send(depth, *ways)

    async def read_up_to(job):
        return await house.owner.fetchval("SELECT seq FROM twin.cursor WHERE name = $1", job)

    async def begun():
        return await read_up_to("fences") is not None

    async def done():
        head = await house.owner.fetchval("SELECT max(last_seq) FROM twin.change")
        unsaid = await count_rows(house.owner, "twin.rule_outbox")
        raised = await count_rows(house.owner, "layer.events WHERE rule_id = 'flood_depth'")
        return raised == POINTS and not unsaid and await read_up_to("rules") == await read_up_to("fences") == head

    for n in range(ROUNDS):
        with Ingest(settings):
            await until(begun, seconds=120)
            for point in range(n, POINTS, ROUNDS):
                await send(point)
            target = await read_up_to("rules") + numbers.randint(1, 8)
            await until(lambda target=target: _passed(read_up_to, target), seconds=120)
    with Ingest(settings):
        await until(done, seconds=120)
    raised = await house.owner.fetch(
        "SELECT event_id, count(*) AS n FROM twin.event_version WHERE record ->> 'last_action' = 'raise' GROUP BY 1"
    )
    assert [row["n"] for row in raised] == [1] * POINTS
    devices = await house.owner.fetch("SELECT device_ids[1] AS id FROM layer.events WHERE rule_id = 'flood_depth'")
    assert sorted(row["id"] for row in devices) == [f"T{n:02d}" for n in range(POINTS)]
    told = await house.owner.fetch(
        "SELECT mover, array_agg(action ORDER BY at, id) AS told FROM twin.fence_transition GROUP BY 1"
    )
    assert {row["mover"]: row["told"] for row in told} == {f"V{n:02d}": ["enter", "exit"] for n in range(POINTS)}


async def _passed(read, target):
    return await read("rules") >= target
