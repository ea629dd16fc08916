"""Where deliveries come in: checked, decoded, and offered to the pipeline; what cannot be taken is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import structlog

from layers.catalog import Catalog
from layers.database.connection import Role, create_pool
from layers.database.faults import DATABASE_ERRORS
from layers.errors import NotFound
from twin.cancellation import cancel_tasks
from twin.envelope.message import Message, Reading
from twin.envelope.refused import Refusal, Refused
from twin.feeds.decode import Delivery, decode
from twin.feeds.definition import FeedDefinition, Registry
from twin.feeds.seal import Cutter
from twin.geocoding.attempts import PlaceRefusal, refuse_place
from twin.intake.areas import CurrentAreas
from twin.intake.offering import offer_accepted, set_aside
from twin.intake.pace import Pace
from twin.intake.pipeline import Pipeline
from twin.intake.retaking import RefusedReplay
from twin.intake.senders import Senders
from twin.intake.signatures import SignatureChecks
from twin.store.known import KnownFeatures
from twin.store.outcome import Outcome
from twin.store.partitions import make_days
from twin.store.place_check import gate
from twin.store.refusals import keep
from twin.store.retention import RetentionPeriods, refuse_too_old
from twin.store.unknown import set_apart

CREATING = "created"  # the name under which features are counted that a feed's messages create
_LOOK_SECONDS = 1.0
_CLOSE_SECONDS_MAX = 5.0
_log = structlog.get_logger(__name__)


class Intake:
    """Takes deliveries of feeds.

    Parameters
    ----------
    url
        The database; connections are made in the ingesting role.
    registry
        The feeds; their files are looked at again every second.
    home
        The folder that holds the secrets.
    catalog
        Returns the current catalogue.
    kept
        How long history is kept: older messages are refused. None takes messages of any age.
    is_local
        Whether this machine alone reaches us. Otherwise a feed without a secret may not be pushed to.
    """

    def __init__(
        self,
        url: str,
        registry: Registry,
        home: Path,
        catalog: Callable[[], Catalog],
        kept: RetentionPeriods | None = None,
        *,
        is_local: bool = True,
    ) -> None:
        self._url, self._home, self._catalog = url, home, catalog
        self._kept = kept
        self._senders = Senders(registry, is_local=is_local)
        self._pace = Pace()
        self._task: asyncio.Task[None] | None = None

    @property
    def registry(self) -> Registry:
        """The feeds' definitions as they are now."""
        return self._senders.registry

    async def start(self) -> None:
        """Connect and begin to take deliveries; the areas are read when the first one comes.

        Raises
        ------
        Unavailable
            When the database does not answer.
        """
        self._pool = await create_pool(self._url, Role.INGEST, size=4, statement_timeout_ms=60_000)
        self._signatures = SignatureChecks(self._home, self._pool)
        self._areas = CurrentAreas(self._pool, self._catalog)
        self._pipeline = Pipeline(self._pool, self._catalog, self._areas.current)
        self._pipeline.start()
        self._known = KnownFeatures(self._pool, self._catalog)
        self.retaking = RefusedReplay(self._pool, lambda: self.registry, self._catalog, self._known, self.offer)
        async with self._pool.acquire() as connection:
            await make_days(connection)  # the ingest process makes them every hour, and may not run yet
        self._task = asyncio.create_task(self._keep_current(), name="intake")

    async def stop(self) -> None:
        """Stop; what is not committed was not taken."""
        if self._task:
            await cancel_tasks([self._task])
            await self._pipeline.stop()
            try:
                await asyncio.wait_for(self._pool.close(), _CLOSE_SECONDS_MAX)
            except TimeoutError:  # a connection that is still held is not given back
                self._pool.terminate()

    def feed(self, name: str, *, proven: bool = False) -> FeedDefinition:
        """Return the definition of a feed that may be pushed to; `proven` by a token of the feed, or else by signature.

        Raises
        ------
        NotFound, Forbidden
            As `twin.intake.senders.Senders.pushed`.
        """
        return self._senders.pushed(name, proven=proven)

    def admit(self, name: str, *, proven: bool = False) -> FeedDefinition:
        """Return a feed that may be pushed to now; called before anything of a body is read.

        Raises
        ------
        NotFound, Forbidden
            As `feed`.
        Crowded
            When the feed sends faster than it may.
        """
        definition = self.feed(name, proven=proven)
        self._pace.check(definition)
        return definition

    async def deliver(self, name: str, headers: Mapping[str, str], body: bytes, *, proven: bool = False) -> Outcome:
        """Take a pushed delivery; returns when it is durable.

        Raises
        ------
        NotFound, Forbidden
            As `feed`.
        Unauthenticated
            When the feed has a secret and the delivery is not signed with it, or was sent before.
        Refused
            When the delivery cannot be read at all.
        Crowded
            When the feed sends faster than it may, or too much is waiting. Nothing was taken.
        """
        definition = self.admit(name, proven=proven)
        await self._signatures.check(definition, headers, body, datetime.now(UTC), proven=proven)
        return await self._take(definition, Delivery(body, headers))

    async def open_stream(
        self, name: str, headers: Mapping[str, str], *, proven: bool = False
    ) -> tuple[FeedDefinition, Cutter]:
        """Begin to take a body of lines, of any length (`twin.intake.streamed`); its sender is checked now.

        Returns
        -------
        FeedDefinition, Cutter
            The feed, and the cutter that returns the lines that may be read.

        Raises
        ------
        NotFound, Forbidden, Unauthenticated
            As `deliver`.
        """
        definition = self.feed(name, proven=proven)
        return definition, await self._signatures.open(definition, headers, datetime.now(UTC), proven=proven)

    async def take(self, name: str, delivery: Delivery) -> Outcome:
        """Take a delivery of a connector, which knows its sender; returns when it is durable.

        Raises
        ------
        NotFound
            When there is no such feed, or it is switched off.
        Refused
            When the delivery cannot be read at all; it is kept with the reason.
        Crowded
            When the feed sends faster than it may, or too much is waiting. Nothing was taken: wait, and offer it again.
        Unavailable
            When it cannot be taken now. Nothing is acknowledged then; offer it again.
        """
        return await self._take(self._senders.fetched(name), delivery)

    async def take_read(self, name: str, reading: Reading) -> Outcome:
        """Take messages that a connector has decoded, a part of a large file for instance.

        Raises
        ------
        NotFound, Crowded, Unavailable
            As `take`.
        """
        return await self._take_read(self._senders.fetched(name), reading)

    async def offer(self, name: str, messages: Sequence[Message]) -> Outcome:
        """Take messages that this service made; returns when they are durable.

        Parameters
        ----------
        name
            The maker; the messages are counted under it, beside the feeds.

        Raises
        ------
        Crowded, Unavailable
            When they cannot be taken now; offer them again, the same identities count once.
        """
        await self._areas.ensure()
        return await self._pipeline.offer(name, messages)

    async def give_up_place(self, event_id: str, refusal: PlaceRefusal, by: str) -> None:
        """Note that a person gave the place of an event up: it waits no more, and is listed as refused.

        Raises
        ------
        NotFound
            When there is no such event without a place.
        """
        async with self._pool.acquire() as connection:
            if "\0" in event_id or not await refuse_place(connection, event_id, refusal, by):
                raise NotFound(f"there is no event '{event_id[:80]}' without a place", parameter="event_id")

    async def _take(self, definition: FeedDefinition, delivery: Delivery) -> Outcome:
        self._pace.check(definition)
        try:
            reading = decode(definition, delivery, now=datetime.now(UTC))
        except Refused as error:
            self._pace.charge(definition, 1)
            await self._keep(definition.name, [Refusal.of(0, error, delivery.body)])
            raise
        return await self._take_read(definition, reading)

    async def _take_read(self, definition: FeedDefinition, reading: Reading) -> Outcome:
        self._pace.check(definition)
        received = reading.received
        gate(definition, reading, self._catalog())
        if self._kept:
            refuse_too_old(reading, self._kept, now=datetime.now(UTC))
        creations = await set_apart(reading, definition.unknown, self._known, self._catalog())
        if creations:
            await self.offer(CREATING, creations)
        self._pace.charge(definition, received)
        outcome = set_aside(reading) + await offer_accepted(partial(self.offer, definition.name), reading.messages)
        await self._keep(definition.name, outcome.refused, outcome.held)
        return outcome

    async def _keep(self, name: str, refused: Sequence[Refusal], held: Sequence[Refusal] = ()) -> None:
        async with self._pool.acquire() as connection:
            await keep(connection, name, refused, held)

    async def _keep_current(self) -> None:
        """Follow the folder of feeds, and the areas once they are in use."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            self._senders.refresh()
            try:
                await self._areas.refresh()
            except DATABASE_ERRORS as error:
                _log.warning("the areas cannot be read now; trying again", error=str(error))
