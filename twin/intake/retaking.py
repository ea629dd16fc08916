"""Taking refused messages again: as they are after a correction of the feed's file, or corrected by a person."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import asyncpg

from layers.catalog import Catalog
from layers.database.faults import refuses_value
from layers.errors import BadInput, NotFound
from twin.envelope.message import Message, Reading
from twin.feeds.decode import decode_again
from twin.feeds.definition import Registry, Unknown
from twin.store.known import KnownFeatures
from twin.store.outcome import Outcome
from twin.store.place_check import gate
from twin.store.refusals import StoredRefusal, discard, mark_replayed, one_refused
from twin.store.unknown import set_apart


@dataclass(frozen=True, slots=True)
class RefusedReplay:
    """Takes refused messages again.

    Attributes
    ----------
    pool
        Connections in the ingesting role.
    registry, catalog
        Return the current feeds and layers.
    known
        The features that exist.
    offer
        Takes messages of a feed; returns when they are durable.
    """

    pool: asyncpg.Pool
    registry: Callable[[], Registry]
    catalog: Callable[[], Catalog]
    known: KnownFeatures
    offer: Callable[[str, Sequence[Message]], Awaitable[Outcome]]

    async def replay(self, refused_id: int, corrected: bytes | None = None) -> Outcome:
        """Take a refused message again; returns when it is durable.

        It may be cancelled at any moment and called again: a message that was taken has its receipt and counts once.

        Parameters
        ----------
        corrected
            The corrected message, in the form in which it is kept; None takes it as it is.

        Raises
        ------
        NotFound
            When there is no such message, or its feed was removed.
        Conflict
            When it was taken again or discarded already.
        BadInput
            When it still cannot be taken; it stays refused.
        Crowded, Unavailable
            When it cannot be taken now.
        """
        async with self.pool.acquire() as connection:
            kept = await one_refused(connection, refused_id)
        kept.still_open()
        if kept.shortened and corrected is None:
            raise BadInput(f"only the first {kept.bytes} bytes of it are kept; send the message whole, put right")
        reading = await self._read(kept, kept.message if corrected is None else corrected)
        if reading.refused:
            raise BadInput(f"it is refused again: {reading.refused[0].detail}")
        if not reading.messages:
            raise BadInput(f"nothing in it is of interest to the feed {kept.feed}")
        try:
            outcome = await self.offer(kept.feed, reading.messages)
        except asyncpg.PostgresError as error:
            if not refuses_value(error):
                raise
            raise BadInput(f"it is refused again: the database refuses it: {error}") from error
        async with self.pool.acquire() as connection:
            await mark_replayed(connection, refused_id)
        return outcome

    async def discard(self, refused_id: int) -> None:
        """Discard a refused message for good.

        Raises
        ------
        NotFound, Conflict
            As `replay`.
        """
        async with self.pool.acquire() as connection:
            await discard(connection, refused_id)

    async def _read(self, kept: StoredRefusal, raw: bytes) -> Reading:
        definition = self.registry().by_name.get(kept.feed)
        if definition is None:
            raise NotFound(f"the feed '{kept.feed}' of this message is no more", parameter="feed")
        reading = decode_again(definition, raw, now=datetime.now(UTC), canonical=kept.canonical)
        gate(definition, reading, self.catalog())
        policy: Unknown = "create" if definition.unknown == "create" else "refuse"
        reading.messages[:0] = await set_apart(reading, policy, self.known, self.catalog())
        return reading
