"""The rules over a real database: a pipeline, a clock set by the tests, and a job that may be killed."""

from __future__ import annotations

import shutil
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from layers.catalog import read_catalog
from layers.database.connection import Role, connect, create_pool
from twin.connectors.protocols import read_registry
from twin.envelope.message import Message
from twin.intake.intake import Intake
from twin.log.follower import Follower
from twin.rules.job import CURSOR, RulesRun

SHIPPED = Path(__file__).parents[3] / "config" / "rules"
NOON = datetime(2026, 6, 8, 4, tzinfo=UTC)
P = (113.3316634, 23.1395597)  # the incident of the worked fixture
STATION = """
INSERT INTO layer.water_level_stations (id, name, geom, vertical_datum, warning_level_m, guarantee_level_m, data_grade)
VALUES ($1, $2, ST_SetSRID(ST_MakePoint($3, $4), 4490), $5, 2.0, 2.5, 1)
"""


class Killed(BaseException):
    """The process is killed here."""


class House:
    """A district with its rules."""

    def __init__(self, url, pool, intake, owner, catalog, folder) -> None:
        self.url, self.pool, self.intake, self.owner = url, pool, intake, owner
        self.catalog, self.folder = catalog, folder
        self.now, self.sent, self.dies = NOON, 0, None
        self.round, self.follower = None, None

    async def start(self):
        """Begin a new run of the job."""
        self.round = RulesRun(self.pool, lambda: self.catalog, self.offer, self.folder, lambda: self.now)
        self.follower = Follower(self.url, self.pool, CURSOR)
        await self.follower.__aenter__()

    async def end(self):
        if self.follower is not None:
            await self.follower.__aexit__(None, None, None)
        self.follower = None

    async def offer(self, name, messages):
        if self.dies == "before":
            raise Killed
        outcome = await self.intake.offer(name, messages)
        if self.dies == "after":
            raise Killed
        return outcome

    async def work(self, minutes=None):
        """Set the clock to minutes after noon and run the job until it is idle."""
        if minutes is not None:
            self.now = NOON + timedelta(minutes=minutes)
        self.round._looked_at = 0.0
        while await self.round.go(self.follower):
            pass

    async def killed(self, how, minutes=None):
        """Kill the job before or after its messages are taken, and begin a new run."""
        self.dies = how
        with suppress(Killed):
            await self.work(minutes)
        self.dies = None
        await self.end()
        await self.start()

    async def send(self, *messages):
        """Send messages one by one: of several in one batch the log has only the newest."""
        for message in messages:
            await self.intake.offer("test", [message])

    async def events(self, where="true"):
        rows = await self.owner.fetch(
            f"SELECT *, ST_AsText(geom) AS place FROM layer.events WHERE id <> 'P' AND {where} ORDER BY id"
        )
        return [dict(row) for row in rows]

    async def versions(self, event_id):
        return await self.owner.fetch(
            "SELECT * FROM twin.event_version WHERE event_id = $1 ORDER BY phenomenon_time, source_version", event_id
        )

    def observation(self, layer, device, minutes, code, value, **said):
        return self._message("observation", layer, device, minutes, property_code=code, value=value, **said)

    def position(self, vehicle, minutes, lon, lat):
        return self._message("position", "vehicles", vehicle, minutes, lon=lon, lat=lat)

    def event(self, event_id, minutes=0, version=1, place=P, **said):
        said = {"source": "hotline", "event_class": "0199"} | said
        at = {name: NOON + timedelta(minutes=value) for name, value in said.items() if name.endswith("_at")}
        data = {name: value for name, value in (said | at).items() if value is not None}
        lon, lat = place or (None, None)
        more = {"stage": said.get("stage"), "lon": lon, "lat": lat, "data": data, "version": version}
        return self._message("event", "events", event_id, minutes, **more)

    def _message(self, kind, layer, feature_id, minutes, **said):
        self.sent += 1
        usual = dict.fromkeys(Message._fields) | {"version": 1, "mode": "actual", "suspect": False, "data": {}}
        return Message(
            **usual
            | {"kind": kind, "source": "/feeds/test", "id": f"m{self.sent}", "type": "test", "layer": layer}
            | {"feature_id": feature_id, "phenomenon_time": NOON + timedelta(minutes=minutes)}
            | said
        )


@pytest.fixture
async def house(fixture_copy_url, tmp_path):
    folder = tmp_path / "rules"
    shutil.copytree(SHIPPED, folder)
    owner = await connect(fixture_copy_url)
    await owner.execute(STATION, "S1", "车陂涌1号水位站", *P, "1985")
    await owner.execute(STATION, "S2", "无基准站", *P, None)
    catalog = await read_catalog(owner)
    pool = await create_pool(fixture_copy_url, Role.INGEST, size=3)
    intake = Intake(fixture_copy_url, read_registry(tmp_path / "feeds"), tmp_path, lambda: catalog)
    await intake.start()
    house = House(fixture_copy_url, pool, intake, owner, catalog, folder)
    await house.start()
    yield house
    await house.end()
    await intake.stop()
    await pool.close()
    await owner.close()
