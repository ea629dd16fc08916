"""The ingest process: ``python -m server.processes.ingest``, with the settings as a line of JSON on standard input.

It runs the jobs that must run once per database: connectors, housekeeping, and the jobs that follow the log. Of any
number of these processes on any machines exactly one works (`twin/jobs/leader.py`). It ends when its standard input
closes: its parent is gone then (see `server/processes/worker.py`).
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any

import structlog
import uvloop

from layers.catalog_holder import CatalogHolder
from layers.cluster.home import OURS
from layers.coordinates.district_crs import read_measuring_srid, use_district_crs
from layers.database.connection import Role, create_pool
from layers.database.faults import DATABASE_ERRORS
from layers.definition import read_code_lists
from layers.review.held import hold_policy
from server.processes.audit_jobs import audit_jobs
from server.processes.definitions_job import DefinitionsJob
from server.processes.garbage import search_seldom
from server.processes.logs import configure_logs
from server.processes.pulse import beat
from server.processes.sql_readers_job import SqlReadersJob
from server.retention import retention_periods
from server.settings import Settings
from twin.connectors.drop_retention import forget_files
from twin.connectors.protocols import read_registry
from twin.connectors.running import Connectors
from twin.intake.intake import Intake
from twin.jobs.expiry import Expiry
from twin.jobs.feed_rates import FeedRates
from twin.jobs.geocoding import Geocoding
from twin.jobs.held import HeldMessages
from twin.jobs.housekeeping import Housekeeping
from twin.jobs.jobs import Job, Parts, keep_working
from twin.jobs.leader import lead
from twin.jobs.upkeep import Upkeep
from twin.outlets.job import OutletsJob
from twin.rules.fences.job import FenceJob
from twin.rules.job import RulesJob
from twin.store.five_minutes import FiveMinutes

_POOL_SIZE = 6
_STATEMENT_MS_MAX = 60_000
_RETRY_SECONDS = 0.5
_log = structlog.get_logger(__name__)


def _jobs(parts: Parts, settings: Settings) -> list[Job]:
    """Return every job of the process."""
    kept, certain = retention_periods(settings), settings.geocoding
    return [
        Housekeeping(parts.url, parts.pool, kept, lambda: forget_files(parts.home, kept.drops, now=datetime.now(UTC))),
        FeedRates(parts.pool),
        DefinitionsJob(parts.url, settings.layers.folder),
        Connectors(parts),
        HeldMessages(parts.pool, parts.catalog, parts.intake.retaking),
        RulesJob(parts.url, parts.pool, parts.catalog, parts.intake.offer, settings.rules.folder),
        FenceJob(parts.url, parts.pool, parts.catalog, settings.rules.folder),
        OutletsJob(parts, settings.outlets.folder),
        Expiry(parts.pool, parts.catalog),
        *([Geocoding(parts.pool, parts.catalog, parts.intake.offer, certain.confidence)] if certain.enabled else []),
        FiveMinutes(parts.pool),
        Upkeep(parts.url, parts.catalog),
        SqlReadersJob(parts.url, parts.catalog, parts.policy),
        *audit_jobs(parts.url, settings.home, settings.audit),
    ]


async def work(settings: Settings) -> None:
    """Wait for the lead, run the jobs while it lasts, and wait again; until cancelled."""
    url = str(settings.database.url)
    while True:
        async with lead(url) as led, AsyncExitStack() as running:
            _log.info("this ingest process works now")
            try:
                parts = await _start(settings, running)
            except DATABASE_ERRORS as error:
                _log.warning("the ingest process cannot start its work; trying again", error=str(error))
                await asyncio.sleep(_RETRY_SECONDS)
                continue
            await _until(led.lost, keep_working(_jobs(parts, settings)))


async def _start(settings: Settings, running: AsyncExitStack) -> Parts:
    """Make the objects that jobs share; `running` closes them."""
    url = str(settings.database.url)
    pool = await create_pool(url, Role.INGEST, size=_POOL_SIZE, statement_timeout_ms=_STATEMENT_MS_MAX)
    running.callback(pool.terminate)
    use_district_crs(await read_measuring_srid(pool), settings.layers.crs)
    catalog = CatalogHolder(url, read_code_lists())
    running.push_async_callback(catalog.stop)
    await catalog.start()
    intake = Intake(
        url, read_registry(settings.feeds.folder), settings.home, lambda: catalog.current, retention_periods(settings)
    )
    running.push_async_callback(intake.stop)
    await intake.start()
    policy = hold_policy(settings.policy.folder, settings.layers.folder, lambda: catalog.current)
    running.push_async_callback(policy.stop)
    policy.start()
    return Parts(
        url, settings.home, settings.feeds.folder, lambda: catalog.current, intake, pool, lambda: policy.policy
    )


async def _until(over: asyncio.Event, endless: Coroutine[Any, Any, None]) -> None:
    """Run an endless coroutine until the event is set; raise what it raises."""
    working, waiting = asyncio.create_task(endless), asyncio.create_task(over.wait())
    try:
        await asyncio.wait({working, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            await working
    finally:
        for task in (working, waiting):
            task.cancel()
        await asyncio.gather(working, waiting, return_exceptions=True)


async def _main(settings: Settings) -> None:
    loop, over = asyncio.get_running_loop(), asyncio.Event()

    def parent_is_gone() -> None:
        loop.remove_reader(sys.stdin.fileno())
        over.set()

    loop.add_reader(sys.stdin.fileno(), parent_is_gone)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, over.set)
    beating = loop.create_task(beat(int(sys.argv[1])), name="pulse") if len(sys.argv) > 1 else None
    await _until(over, work(settings))
    if beating is not None:
        beating.cancel()


def main() -> None:
    """Run until the parent is gone or a signal arrives."""
    os.umask(OURS)
    configure_logs()
    settings = Settings.model_validate_json(sys.stdin.buffer.readline())
    search_seldom()
    uvloop.run(_main(settings))


if __name__ == "__main__":
    main()
