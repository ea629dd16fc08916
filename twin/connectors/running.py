"""The job that runs the connectors of all enabled feeds, following the feeds' files."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import structlog

from layers.errors import OneMapError
from twin.connectors.connector import FetchedFeed, Status
from twin.feeds.definition import FeedDefinition
from twin.jobs.definition_tasks import DefinitionTasks
from twin.jobs.jobs import Parts, Pauses

_LOOK_SECONDS = 0.5
_log = structlog.get_logger(__name__)


class Connectors:
    """Starts, stops and restarts connectors as feeds come, go and change."""

    name = "connectors"

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._tasks = DefinitionTasks("connector", self._keep)

    async def run(self) -> None:
        """Follow the registry until cancelled; then every connector is stopped."""
        seen = None
        try:
            while True:
                if self._parts.intake.registry is not seen:
                    seen = self._parts.intake.registry
                    await self._follow(seen.by_name)
                await asyncio.sleep(_LOOK_SECONDS)
        finally:
            await self._tasks.stop()

    async def _follow(self, feeds: Mapping[str, FeedDefinition]) -> None:
        wanted = {name: feed for name, feed in feeds.items() if feed.enabled and isinstance(feed, FetchedFeed)}
        for name in await self._tasks.follow(wanted):
            await Status(self._parts.pool, name).stopped()

    async def _keep(self, feed: FetchedFeed) -> None:
        """Run the connector of one feed again and again; its faults are its own."""
        status, pauses = Status(self._parts.pool, feed.name), Pauses()
        await status.starting()
        while True:
            pauses.begin()
            try:
                await feed.run(self._parts, status)
                fault = "the connector ended by itself"
            except OneMapError as error:
                fault = error.message
            except Exception as error:  # noqa: BLE001  # a fault of one connector does not stop the others
                _log.exception("a connector failed", feed=feed.name)
                fault = f"{type(error).__name__}: {error}"
            pause_s = pauses.next()
            await status.fault(f"{fault}; trying again in {pause_s:.0f} s")
            await asyncio.sleep(pause_s)
