"""The job that serves every outlet of a folder, each in a task of its own: a slow or dead receiver delays no other."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic

import asyncpg
import structlog

from layers.database.faults import DATABASE_ERRORS
from layers.database.listener import Listener
from layers.errors import OneMapError
from twin.folder import Folder
from twin.jobs.definition_tasks import DefinitionTasks
from twin.jobs.jobs import Parts
from twin.log.changes import CHANNEL
from twin.outlets.definition import Mqtt, Outlet, read_outlet
from twin.outlets.ledger import OutletLedger
from twin.outlets.mqtt import MqttSender
from twin.outlets.selection import OutletBatch, Selection
from twin.outlets.sender import Gone, NotTaken, OutletSender
from twin.outlets.webhook import WebhookSender

_LOOK_SECONDS = 1.0
_WAIT_SECONDS = 30.0
_NOTE_EVERY = 5_000  # changes outside its selection after which an outlet's position is written all the same
_NOTE_SECONDS = 20.0
_log = structlog.get_logger(__name__)


class OutletsJob:
    """Starts and stops outlets as their files come, go and change."""

    name = "outlets"

    def __init__(self, parts: Parts, folder: Path) -> None:
        self._parts = parts
        self._outlets = Folder(folder, read_outlet)
        self._tasks = DefinitionTasks("outlet", self._keep)
        self._grown = asyncio.Event()
        self._listener = Listener(parts.url, self._on_growth, {CHANNEL: None})

    async def run(self) -> None:
        """Follow the folder until cancelled; then stop every outlet where it is."""
        await self._listener.start()
        try:
            while True:
                self._outlets = self._outlets.renewed()
                await self._tasks.follow({n: o for n, o in self._outlets.by_name.items() if o.enabled})
                await asyncio.sleep(_LOOK_SECONDS)
        finally:
            await self._tasks.stop()
            await self._listener.stop()

    async def _on_growth(self, _: asyncpg.Connection) -> None:
        grown, self._grown = self._grown, asyncio.Event()
        grown.set()

    async def _keep(self, outlet: Outlet) -> None:
        """Serve one outlet again and again; its faults are its own."""
        while True:
            try:
                await OutletDelivery(outlet, self._parts, lambda: self._grown).run()
            except (OneMapError, *DATABASE_ERRORS) as error:
                _log.warning("an outlet cannot be served now; trying again", outlet=outlet.name, error=str(error))
            except Exception:  # noqa: BLE001  # one outlet's fault must not stop the others
                _log.exception("an outlet failed", outlet=outlet.name)
            await asyncio.sleep(_LOOK_SECONDS)


class OutletDelivery:
    """Delivers the log to one outlet, batch by batch.

    Parameters
    ----------
    grown
        Returns the event that is set when the log next grows.
    """

    def __init__(self, outlet: Outlet, parts: Parts, grown: Callable[[], asyncio.Event]) -> None:
        self._outlet, self._parts, self._grown = outlet, parts, grown
        self._sender: OutletSender = (
            MqttSender(outlet, parts.home) if isinstance(outlet, Mqtt) else WebhookSender(outlet, parts.home)
        )
        self._noted_at = monotonic()

    async def run(self) -> None:
        """Deliver until cancelled."""
        async with self._parts.pool.acquire() as connection:
            ledger = await OutletLedger.open(connection, self._outlet.name)
        try:
            selection = self._selection()
            while True:
                ledger = await self._until_resumed(ledger)
                if selection.audience != self._outlet.actor(self._parts.policy()).audience:  # another policy, or hour
                    selection = self._selection()
                grown = self._grown()
                async with self._parts.pool.acquire() as connection:
                    batch = await selection.after(connection, ledger.seq)
                await self._deliver(ledger, batch)
                if batch.is_last:
                    with suppress(TimeoutError):
                        await asyncio.wait_for(grown.wait(), _WAIT_SECONDS)
        finally:
            await self._sender.close()

    def _selection(self) -> Selection:
        return Selection(self._outlet, self._parts.catalog, self._parts.policy())

    async def _until_resumed(self, ledger: OutletLedger) -> OutletLedger:
        """Wait while the outlet is parked; an operator resumes it in PostGIS."""
        while ledger.parked_at is not None:
            await asyncio.sleep(_LOOK_SECONDS)
            async with self._parts.pool.acquire() as connection:
                ledger = await OutletLedger.open(connection, self._outlet.name)
        return ledger

    async def _deliver(self, ledger: OutletLedger, batch: OutletBatch) -> None:
        if not batch.changes and batch.lost is None:
            await self._pass_over(ledger, batch)
            return
        try:
            await self._sender.send(batch)
        except NotTaken as error:
            park = isinstance(error, Gone) or self._is_dead(ledger)
            async with self._parts.pool.acquire() as connection:
                await ledger.record_failure(connection, error.message, park=park)
            if not park:
                await asyncio.sleep(self._pause_s(ledger.attempts))
        else:
            async with self._parts.pool.acquire() as connection:
                await ledger.record_delivery(connection, batch.seq, len(batch.changes))

    async def _pass_over(self, ledger: OutletLedger, batch: OutletBatch) -> None:
        """Go on beyond changes outside the selection; written now and then, since reading them again does no harm."""
        ledger.seq = batch.seq
        if ledger.unwritten >= _NOTE_EVERY or (ledger.unwritten and monotonic() - self._noted_at > _NOTE_SECONDS):
            self._noted_at = monotonic()
            async with self._parts.pool.acquire() as connection:
                await ledger.write(connection)

    def _is_dead(self, ledger: OutletLedger) -> bool:
        if ledger.failing_since is None:
            return False
        return datetime.now(UTC) - ledger.failing_since > timedelta(hours=self._outlet.retry.park_after_h)

    def _pause_s(self, attempts: int) -> float:
        """Return a pause that doubles with each attempt, varied by a fifth so that retries do not coincide."""
        retry = self._outlet.retry
        pause_s = min(retry.first_s * 2.0 ** min(attempts - 1, 30), retry.longest_s)
        return pause_s * random.uniform(0.8, 1.2)  # noqa: S311  # not a secret
