"""What a connector works with, real and in this process; and the process that runs connectors, to be killed."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from typing import Any, Self

import yaml

from server.installation import PROJECT
from server.processes import ingest
from server.settings import load_settings
from tests.twin.waiting import DEADLINE_S, until
from twin.connectors.connector import Status
from twin.connectors.protocols import parse_feed
from twin.feeds.definition import FeedDefinition

PROCESS_SECONDS = 240  # to start a process and see its work, on a machine that does much else
GAUGES = {
    "name": "gauges",
    "title_zh": "雨量",
    "title_en": "Rain",
    "protocol": "drop",
    "crs_source": "CGCS2000",
    "rate_limit_per_s": 100_000,
    "kinds": ["observation"],
    "supplies": ["rain_gauges"],
    "connection": {"pattern": "rain_*.*"},
    "mapping": [
        {
            "kind": "observation",
            "id": {"template": "{站号}@{时间}"},
            "subject": {"template": "rain_gauges/{站号}"},
            "time": "时间",
            "data": {"property": {"constant": "rain_mm"}, "value": "雨量", "unit": {"constant": "mm"}},
        }
    ],
}
CARS = {
    "name": "cars",
    "title_zh": "车",
    "title_en": "Cars",
    "protocol": "drop",
    "format": "cloudevents",
    "crs_source": "CGCS2000",
    "rate_limit_per_s": 100_000,
    "kinds": ["position", "observation", "event"],
    "supplies": ["vehicles", "rain_gauges", "events"],
    "connection": {"pattern": "*.ndjson"},
}


def position(number: int, subject: str = "vehicles/v1", time: str = "2026-06-08T02:00:00Z", **more: Any):
    """Return one CloudEvent of the feed `cars`."""
    return {
        "specversion": "1.0",
        "id": str(number),
        "source": "/feeds/cars",
        "type": "cn.gov.district.position.created",
        "subject": subject,
        "time": time,
        "data": {"lon": 113.35, "lat": 23.13},
        **more,
    }


class House:
    """The parts of an ingest process, over a database and a folder of the test's own."""

    def __init__(self, url: str, folder) -> None:
        self.folder = folder / "feeds"
        self.folder.mkdir(exist_ok=True)
        self.settings = load_settings(home=folder / "home", database={"url": url}, feeds={"folder": self.folder})
        self.home = self.settings.home
        self.home.mkdir(exist_ok=True)
        self._running = AsyncExitStack()

    async def __aenter__(self) -> Self:
        self.parts = await ingest._start(self.settings, self._running)
        return self

    async def __aexit__(self, *_) -> None:
        await self._running.aclose()

    def write(self, given: dict[str, Any], **changed: Any) -> FeedDefinition:
        """Write the file of a feed."""
        whole = {**given, **changed}
        (self.folder / f"{whole['name']}.yaml").write_text(yaml.safe_dump(whole, allow_unicode=True), encoding="utf-8")
        return parse_feed(whole)

    async def feed(self, given: dict[str, Any], **changed: Any) -> FeedDefinition:
        """Write the file of a feed and wait until it is known."""
        wanted = self.write(given, **changed)
        await until(lambda: self.parts.intake.registry.by_name.get(wanted.name) == wanted)
        return wanted

    @asynccontextmanager
    async def connected(self, run, definition: FeedDefinition):
        """Run a connector for as long as the block lasts."""
        task = asyncio.create_task(run(definition, self.parts, Status(self.parts.pool, definition.name)))
        try:
            yield task
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    @contextmanager
    def process(self):
        """Run an ingest process of its own for as long as the block lasts; yields what can be killed."""
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "server.processes.ingest"],
            stdin=subprocess.PIPE,
            cwd="/",
            env=os.environ | {"PYTHONPATH": str(PROJECT)},
        )
        try:
            process.stdin.write(self.settings.model_dump_json().encode() + b"\n")
            process.stdin.flush()
            yield process
        finally:
            with suppress(BrokenPipeError):
                process.stdin.close()
            process.kill()
            process.wait(DEADLINE_S)
