"""Notices to subscribers of `/live`: what leaders have written about, so that whoever shows notes reads them again.

They are hints, and not in the log: a client that was away reads the notes anew. A notice names the event or area and no
word of the note. It goes to who may read notes and sees what the note is about, judged when it is sent, as the read
judges. What was removed is not named.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager

import asyncpg
import orjson

from layers.actor import Actor
from layers.catalog import Catalog
from layers.database.faults import DATABASE_ERRORS
from layers.errors import OneMapError
from server.identity.identity import Identity
from twin.notes import find_subject

_WAITING_MAX = 64  # notices of one subscriber; a leader writes seldom
_REMOVED = b"[]"
type Asker = Callable[[], Awaitable[Identity]]


class NoteSubscriber:
    """One subscriber to notices of notes.

    Parameters
    ----------
    ask
        Returns who asks, by the credentials that he came with, as they are now.
    sees
        Whether an actor sees what a note is about.
    """

    def __init__(self, ask: Asker, sees: Callable[[str, Actor], Awaitable[bool]]) -> None:
        self._ask, self._sees = ask, sees
        self._waiting: deque[str] = deque(maxlen=_WAITING_MAX)
        self._wake = asyncio.Event()

    def add(self, about: str) -> None:
        """Add what a note is about, ``layer/id``; empty where notes were removed."""
        self._waiting.append(about)
        self._wake.set()

    async def notices(self) -> AsyncIterator[bytes]:
        """Yield notices that the subscriber may have, each a JSON array, without an end."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                notice = await self._judged(self._waiting.popleft())
                if notice is not None:
                    yield notice

    async def _judged(self, about: str) -> bytes | None:
        try:
            identity = await self._ask()
            if "read_notes" not in identity.duties:
                return None
            if about and not await self._sees(about, identity.actor):
                return None
        except (OneMapError, *DATABASE_ERRORS):
            return None  # credentials that are no longer good, or a database that is away: he reads when he comes again
        if not about:
            return _REMOVED
        layer, _, feature_id = about.partition("/")
        return orjson.dumps([{"layer": layer, "id": feature_id}])


class NoteNews:
    """Hands notices to the subscribers of one worker; whether an actor sees a thing is asked once for each notice.

    Parameters
    ----------
    pool
        Connections of the reading role.
    """

    def __init__(self, pool: asyncpg.Pool, catalog: Callable[[], Catalog]) -> None:
        self._pool, self._catalog = pool, catalog
        self._subscribers: set[NoteSubscriber] = set()
        self._judged: dict[tuple[str, Actor], asyncio.Task[bool]] = {}

    def tell(self, about: str) -> None:
        """Hand on what a note is about, as the database told it."""
        self._judged.clear()
        for subscriber in self._subscribers:
            subscriber.add(about)

    @contextmanager
    def subscriber(self, ask: Asker) -> Iterator[NoteSubscriber]:
        """Return a subscriber that receives notices while the context lasts."""
        subscriber = NoteSubscriber(ask, self._sees)
        self._subscribers.add(subscriber)
        try:
            yield subscriber
        finally:
            self._subscribers.discard(subscriber)

    async def _sees(self, about: str, actor: Actor) -> bool:
        key = about, actor
        if key not in self._judged:
            self._judged[key] = asyncio.create_task(self._look(about, actor), name="note-judged")
        return await asyncio.shield(self._judged[key])

    async def _look(self, about: str, actor: Actor) -> bool:
        layer, _, feature_id = about.partition("/")
        try:
            await find_subject(self._pool, self._catalog(), actor, layer, feature_id)
        except (OneMapError, *DATABASE_ERRORS):
            return False
        return True
