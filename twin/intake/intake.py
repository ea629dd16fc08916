"""Where deliveries come in: which feed, is it really it, what does it say, and into the pipeline."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import asyncpg
import structlog

from layers.catalog import Catalog
from layers.database.connection import Role, create_pool
from layers.database.faults import DATABASE_ERRORS, refuses_value
from layers.errors import BadInput, Forbidden, NotFound, Unauthenticated, Unavailable
from twin.cancellation import cancel_tasks
from twin.envelope.message import Message, Reading
from twin.envelope.refused import Reason, Refusal, Refused, raw_of
from twin.envelope.write import write_structured
from twin.feeds.decode import Delivery, decode
from twin.feeds.definition import PUSHED, FeedDefinition
from twin.feeds.registry import Registry, read_registry
from twin.feeds.seal import Cutter, PlainLines, SealedLines, verify_opening
from twin.feeds.secret import read_secret
from twin.feeds.signature import VerifiedSignature, verify
from twin.intake.pace import Pace
from twin.intake.pipeline import Pipeline
from twin.intake.retaking import RefusedReplay
from twin.join.index import LAYERS, AreaIndex
from twin.store.batch import Outcome
from twin.store.known import KnownFeatures
from twin.store.nonces import StoredNonces
from twin.store.partitions import make_days
from twin.store.place_check import gate
from twin.store.refusals import keep
from twin.store.retention import RetentionPeriods, refuse_too_old
from twin.store.unknown import set_apart

_SIGNATURE_FAULTS = frozenset({Reason.NO_SIGNATURE, Reason.BAD_SIGNATURE, Reason.SIGNATURE_TIME, Reason.NONCE_USED})
CREATING = "created"  # under this name features are made that feeds speak of
_LOOK_SECONDS = 1.0
_CLOSE_SECONDS_MAX = 5.0
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a delivery; all of it is durable."""

    received: int
    accepted: int
    duplicate: int
    late: int
    ignored: int
    refused: list[Refusal] = field(default_factory=list)
    held: list[Refusal] = field(default_factory=list)


class Intake:
    """Takes deliveries of feeds.

    Parameters
    ----------
    url
        The database; connections are made in the ingesting role.
    folder
        Of the feeds' definitions; looked at again every second.
    home
        Holds the secrets.
    catalog
        Returns the current catalogue.
    kept
        How long history is kept: what is older is refused. None takes messages of any age.
    is_local
        Whether this machine alone reaches us. Otherwise a feed without a secret may not be pushed to.
    """

    def __init__(
        self,
        url: str,
        folder: Path,
        home: Path,
        catalog: Callable[[], Catalog],
        kept: RetentionPeriods | None = None,
        *,
        is_local: bool = True,
    ) -> None:
        self._url, self._home, self._catalog = url, home, catalog
        self._kept = kept
        self._is_local = is_local
        self._pace = Pace()
        self._task: asyncio.Task[None] | None = None
        self._areas: AreaIndex | None = None
        self._reading = asyncio.Lock()
        self.registry: Registry = read_registry(folder)

    async def start(self) -> None:
        """Connect and begin to take deliveries; the areas are read when the first one comes.

        Raises
        ------
        Unavailable
            When the database does not answer.
        """
        self._pool = await create_pool(self._url, Role.INGEST, size=4, statement_timeout_ms=60_000)
        self._nonces = StoredNonces(self._pool)
        self._pipeline = Pipeline(self._pool, self._catalog, self._known_areas)
        self._pipeline.start()
        self._known = KnownFeatures(self._pool, self._catalog)
        self.retaking = RefusedReplay(self._pool, lambda: self.registry, self._catalog, self._known, self.offer)
        async with self._pool.acquire() as connection:
            await make_days(connection)  # the hourly work is that of the ingest process, which may not run yet
        self._task = asyncio.create_task(self._keep_current(), name="intake")

    async def stop(self) -> None:
        """Stop; what is not committed was not taken."""
        if self._task:
            await cancel_tasks([self._task])
            await self._pipeline.stop()
            try:
                await asyncio.wait_for(self._pool.close(), _CLOSE_SECONDS_MAX)
            except TimeoutError:  # whoever still holds a connection does not give it back
                self._pool.terminate()

    def feed(self, name: str) -> FeedDefinition:
        """Return the definition of a feed that may be pushed to.

        Raises
        ------
        NotFound
            When there is none, it is switched off, or it is one that fetches for itself.
        Forbidden
            When nobody signs for it, and the network reaches us.
        """
        definition = self.registry.by_name.get(name)
        if definition is None or not definition.enabled or definition.protocol not in PUSHED:
            raise NotFound(f"there is no feed '{name[:80]}' to push to", parameter="name")
        if definition.secret is None and not self._is_local:
            why = f"'{name}' has no secret, and the network reaches this server: nobody may push to it"
            raise Forbidden(f"{why}; name a secret in its file, and make it with ./onemap feed secret")
        return definition

    def admit(self, name: str) -> FeedDefinition:
        """Return a feed that may be pushed to now: asked before anything of a body is read.

        Raises
        ------
        NotFound
            As `feed`.
        Crowded
            When the feed sends faster than it may.
        """
        definition = self.feed(name)
        self._pace.check(definition)
        return definition

    async def deliver(self, name: str, headers: Mapping[str, str], body: bytes) -> Receipt:
        """Take one delivery; returns when it is durable.

        Raises
        ------
        NotFound
            For a feed that is not there.
        Unauthenticated
            When the feed has a secret and the delivery is not signed with it, or was sent before.
        Refused
            When the delivery cannot be read at all.
        Crowded
            When the feed sends faster than it may, or too much is waiting. Nothing was taken.
        """
        definition = self.admit(name)
        await self._authenticate(definition, headers, body, datetime.now(UTC))
        return await self._take(definition, Delivery(body, headers))

    async def open_stream(self, name: str, headers: Mapping[str, str]) -> tuple[FeedDefinition, Cutter]:
        """Begin to take a body of lines, of any length (`twin.intake.streamed`); who sends it is checked now.

        Returns
        -------
        FeedDefinition, Cutter
            The feed, and what lets those lines through that may be read.

        Raises
        ------
        NotFound, Unauthenticated
            As `deliver`.
        """
        definition, now = self.feed(name), datetime.now(UTC)
        secret = self._secret_of(definition)
        if secret is None:
            return definition, PlainLines()
        await self._claim(partial(verify_opening, secret, name, headers, now=now), now)
        return definition, SealedLines(secret, name, headers)

    async def take(self, name: str, delivery: Delivery) -> Receipt:
        """Take a delivery from a connector, which knows whom it has it from; returns when it is durable.

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
        return await self._take(self._of_connector(name), delivery)

    async def take_read(self, name: str, reading: Reading) -> Receipt:
        """Take what a connector has read itself, a part of a large file for instance; as `take`."""
        return await self._take_read(self._of_connector(name), reading)

    def _of_connector(self, name: str) -> FeedDefinition:
        definition = self.registry.by_name.get(name)
        if definition is None or not definition.enabled:
            raise NotFound(f"there is no feed '{name[:80]}', or it is switched off", parameter="name")
        return definition

    async def offer(self, name: str, messages: Sequence[Message]) -> Outcome:
        """Take messages that were made in the house; returns when they are durable.

        Parameters
        ----------
        name
            Who made them; they are counted under it, beside the feeds.

        Raises
        ------
        Crowded, Unavailable
            When they cannot be taken now; offer them again, the same identities count once.
        """
        if self._areas is None:
            await self._read_areas()
        return await self._pipeline.offer(name, messages)

    async def _take(self, definition: FeedDefinition, delivery: Delivery) -> Receipt:
        self._pace.check(definition)
        try:
            reading = decode(definition, delivery, now=datetime.now(UTC))
        except Refused as error:
            self._pace.charge(definition, 1)
            await self._keep(definition.name, [Refusal.of(0, error, delivery.body)])
            raise
        return await self._take_read(definition, reading)

    async def _take_read(self, definition: FeedDefinition, reading: Reading) -> Receipt:
        self._pace.check(definition)
        received, not_written = reading.received, list[Refusal]()
        gate(definition, reading, self._catalog())
        if self._kept:
            refuse_too_old(reading, self._kept, now=datetime.now(UTC))
        creations = await set_apart(reading, definition.unknown, self._known, self._catalog())
        if creations:
            await self.offer(CREATING, creations)
        self._pace.charge(definition, received)
        outcome = await self._offer_what_can_be(definition.name, reading.messages, not_written)
        refused = reading.refused + not_written
        await self._keep(definition.name, refused, reading.held)
        counts = (received, outcome.accepted, outcome.duplicate, outcome.late, reading.ignored)
        return Receipt(*counts, refused, reading.held)

    async def _offer_what_can_be(self, name: str, messages: Sequence[Message], refused: list[Refusal]) -> Outcome:
        """Offer messages; what the database refuses is found by halving and refused, and spoils no other."""
        try:
            return await self.offer(name, messages)
        except (BadInput, asyncpg.PostgresError) as error:
            if not isinstance(error, BadInput) and not refuses_value(error):
                raise  # it is no fault of the messages
            if len(messages) == 1:
                raw = raw_of(write_structured(messages[0]))
                why = f"the database refuses it: {error}"
                refused.append(Refusal(0, Reason.NOT_WRITTEN, why, raw, canonical=True))
                return Outcome(0, 0, 0)
        middle = len(messages) // 2
        first = await self._offer_what_can_be(name, messages[:middle], refused)
        second = await self._offer_what_can_be(name, messages[middle:], refused)
        return Outcome(first.accepted + second.accepted, first.duplicate + second.duplicate, first.late + second.late)

    async def _authenticate(
        self, definition: FeedDefinition, headers: Mapping[str, str], body: bytes, now: datetime
    ) -> None:
        secret = self._secret_of(definition)
        if secret is not None:
            await self._claim(partial(verify, secret, definition.name, headers, body, now=now), now)

    def _secret_of(self, definition: FeedDefinition) -> bytes | None:
        if definition.secret is None:
            return None
        try:
            return read_secret(definition.secret, self._home, os.environ)
        except Unavailable as error:
            raise Unauthenticated(f"nobody can sign for '{definition.name}' yet: {error.message}") from error

    async def _claim(self, verified: Callable[[], VerifiedSignature], now: datetime) -> None:
        """Check a signature, and that its nonce was not used before."""
        try:
            signed = verified()
        except Refused as error:
            if error.reason in _SIGNATURE_FAULTS:
                raise Unauthenticated(error.message, parameter=error.parameter) from error
            raise
        if not await self._nonces.claim(signed, now):
            raise Unauthenticated("this nonce was used before; every delivery has a new one", parameter="nonce")

    async def _keep(self, name: str, refused: list[Refusal], held: Sequence[Refusal] = ()) -> None:
        async with self._pool.acquire() as connection:
            await keep(connection, name, refused, held)

    def _known_areas(self) -> AreaIndex:
        if self._areas is None:
            raise Unavailable("the areas are not read yet; send again")
        return self._areas

    async def _read_areas(self) -> None:
        """Read the areas, or what has changed of them.

        Raises
        ------
        Unavailable
            When the layers of areas are not there.
        """
        missing = [name for name in LAYERS if name not in self._catalog()]
        if missing:
            raise Unavailable(f"there are no layers {', '.join(missing)} to join with yet; './onemap up' makes them")
        async with self._reading, self._pool.acquire() as connection:
            if self._areas is None or not self._areas.is_current(self._catalog()):
                self._areas = await AreaIndex.read(connection, self._areas)

    async def _keep_current(self) -> None:
        """Follow the folder of feeds, and the areas once they are in use."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            self.registry = self.registry.renewed()
            try:
                if self._areas is not None and not self._areas.is_current(self._catalog()):
                    await self._read_areas()
            except DATABASE_ERRORS as error:
                _log.warning("the areas cannot be read now; trying again", error=str(error))
