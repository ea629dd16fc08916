"""The job that finds the places of events that come without one, by their addresses.

It looks when events or addresses have changed, and never while a message is written. Where one standard address is
certain the event is placed there; every other one waits in the queue of `/twin/incomplete` for a person. When the
address library changes, those that wait are searched again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import asyncpg
import structlog

from layers.actor import OPERATOR
from layers.catalog import Catalog, Layer
from layers.errors import BadInput, Unavailable
from layers.live_source import EVENTS
from twin.envelope.message import Message
from twin.envelope.refused import Refused
from twin.geocoding.attempts import AttemptVerdict, UnplacedEvent, due_events, forget_attempts, keep_attempt
from twin.geocoding.parse import CHARACTERS_MAX
from twin.geocoding.search import ADDRESSES, AddressSearch, search_addresses
from twin.intake.queue import Crowded
from twin.store.events.completion import GEOCODING, geocoded
from twin.store.outcome import Outcome

_LOOK_SECONDS = 1.0
_AT_ONCE = 50
_log = structlog.get_logger(__name__)


class Geocoding:
    """Places events by their addresses.

    Parameters
    ----------
    pool
        Connections in the ingesting role.
    catalog
        Returns the current catalogue.
    offer
        Takes messages made by the twin itself (`Intake.offer`).
    certain
        The confidence from which an address is taken.
    """

    name = "geocoding"

    def __init__(
        self,
        pool: asyncpg.Pool,
        catalog: Callable[[], Catalog],
        offer: Callable[[str, Sequence[Message]], Awaitable[Outcome]],
        certain: float,
    ) -> None:
        self._pool, self._catalog, self._offer, self._certain = pool, catalog, offer, certain
        self._looked: tuple[int, int] | None = None  # versions of the events and of the addresses

    async def run(self) -> None:
        """Look every second, until cancelled; nothing is asked while nothing has changed."""
        while True:
            try:
                await self.catch_up()
            except (Crowded, Unavailable) as error:
                _log.info("the house is busy; geocoding waits", error=str(error))
            await asyncio.sleep(_LOOK_SECONDS)

    async def catch_up(self) -> int:
        """Search the addresses that are due; return how many events were placed."""
        catalog = self._catalog()
        if EVENTS not in catalog or ADDRESSES not in catalog:
            return 0
        library = catalog[ADDRESSES]
        look = catalog[EVENTS].version, library.version
        if look == self._looked:
            return 0
        placed = 0
        async with self._pool.acquire() as connection:
            if self._looked is None or self._looked[1] != look[1]:
                await forget_attempts(connection)
            after = ""
            while due := await due_events(connection, library.version, after=after, limit=_AT_ONCE):
                after = due[-1].id
                placed += await self._batch(connection, library, catalog, due)
        self._looked = look
        return placed

    async def _batch(
        self, connection: asyncpg.Connection, library: Layer, catalog: Catalog, due: list[UnplacedEvent]
    ) -> int:
        messages: list[Message] = []
        for event in due:
            found = await self._search(connection, library, event)
            message, verdict = self._placed(event, found, catalog)
            if message is not None:
                messages.append(message)
            else:
                confidence = found.candidates[0].confidence if found and found.candidates else None
                await keep_attempt(connection, event, verdict, confidence, library.version)
        if messages:
            await self._offer(GEOCODING, messages)
        return len(messages)

    async def _search(
        self, connection: asyncpg.Connection, library: Layer, event: UnplacedEvent
    ) -> AddressSearch | None:
        try:
            address = event.address[:CHARACTERS_MAX]
            return await search_addresses(connection, library, OPERATOR, address, 1, self._certain)
        except BadInput:  # nothing but punctuation
            return None

    @staticmethod
    def _placed(
        event: UnplacedEvent, found: AddressSearch | None, catalog: Catalog
    ) -> tuple[Message | None, AttemptVerdict]:
        if found is None or not found.candidates:
            return None, "none"
        address = found.candidates[0]
        if found.verdict != "unique" or address.lon is None:
            return None, "ambiguous"
        try:
            message = geocoded(event, address, catalog)
        except Refused:  # the address has an id that no message may have
            message = None
        return message, "unique" if message else "outside"
