"""Tokens and sessions that the database knows, kept in the memory of a worker until they change.

::

    first use       look-up by digest, one for all who wait for it, a bounded number at a time
    later           a look into memory
    changed         PostgreSQL notifies every worker of the digest or the account: the entry goes
    connection lost nothing is kept until the worker listens again

What the database does not know is kept for some seconds, so that a client that repeats a wrong token costs nothing.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from contextvars import Context
from dataclasses import dataclass
from datetime import UTC, datetime
from time import time

import asyncpg
import structlog

from layers.database.connection import in_our_words
from layers.database.faults import DATABASE_ERRORS
from layers.database.listener import Listener
from layers.errors import Unavailable
from layers.identity.sessions import note_use
from server.identity.subject import Subject

_CHANNEL = "identity"
_KEPT_MAX = 20_000
_UNKNOWN_MAX = 10_000
_UNKNOWN_SECONDS = 5.0
_PENDING_MAX = 256
_NOTE_SECONDS = 20.0
_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class KnownCredential:
    """A token or a session that is valid.

    Attributes
    ----------
    valid_until, last_seen
        Unix times in seconds.
    idle_s
        The time without a use after which it ends; None for tokens.
    account_id
        The account whose changes end this entry.
    """

    subject: Subject
    valid_until: float
    last_seen: float
    idle_s: float | None = None
    account_id: int | None = None
    noted: float = 0.0

    def is_valid(self, now: float) -> bool:
        """Whether it is valid at a Unix time."""
        return now < self.valid_until and (self.idle_s is None or now < self.last_seen + self.idle_s)


type CredentialLookUp = Callable[[asyncpg.Connection, bytes], Awaitable[KnownCredential | None]]


class CredentialCache:
    """The tokens and sessions that a worker has seen.

    Parameters
    ----------
    url
        The database, for notifications.
    pool
        Connections in the identity role.
    clock
        Returns the Unix time in seconds.
    """

    def __init__(self, url: str, pool: asyncpg.Pool, clock: Callable[[], float] = time) -> None:
        self._pool, self._clock = pool, clock
        self._known: OrderedDict[bytes, KnownCredential] = OrderedDict()
        self._unknown: OrderedDict[bytes, float] = OrderedDict()
        self._pending: dict[bytes, asyncio.Task[KnownCredential | None]] = {}
        self._changes = 0
        self._listens = False
        self._noting: asyncio.Task[None] | None = None
        self._listener = Listener(url, self._on_listening, {_CHANNEL: self._on_change}, self._on_lost)

    async def start(self) -> None:
        """Listen to changes, and note uses in the background.

        Raises
        ------
        Unavailable
            When the database cannot be reached.
        """
        await self._listener.start()
        self._noting = asyncio.create_task(self._note_uses(), name="identity-uses", context=Context())

    async def stop(self) -> None:
        """Stop; the last uses are noted."""
        tasks = [task for task in (self._noting, *self._pending.values()) if task]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.note_uses()
        await self._listener.stop()  # last, because everything kept goes with it

    async def find(self, digest: bytes, find: CredentialLookUp) -> Subject | None:
        """Return the subject of a token or session by its digest; None when it is not valid now.

        Raises
        ------
        Unavailable
            When the database does not answer, or too many wait for it.
        """
        now = self._clock()
        known = self._known.get(digest)
        if known is not None and known.is_valid(now):
            known.last_seen = now
            return known.subject
        if self._unknown.get(digest, 0.0) > now:
            return None
        known = await self._looked_up(digest, find)
        return known.subject if known is not None else None

    async def note_uses(self) -> None:
        """Write to the database when tokens and sessions were used last; what cannot be written is noted later."""
        used = [(digest, known) for digest, known in self._known.items() if known.last_seen > known.noted]
        if not used:
            return
        rows = [(digest, datetime.fromtimestamp(known.last_seen, UTC)) for digest, known in used]
        try:
            async with self._pool.acquire() as connection:
                await note_use(connection, rows)
        except DATABASE_ERRORS:
            return
        for (_, known), (_, at) in zip(used, rows, strict=True):
            known.noted = at.timestamp()

    async def _looked_up(self, digest: bytes, find: CredentialLookUp) -> KnownCredential | None:
        task = self._pending.get(digest)
        if task is None:
            if len(self._pending) >= _PENDING_MAX:
                raise Unavailable("too many tokens wait to be checked; come again")
            task = asyncio.create_task(self._look_up(digest, find), context=Context())  # for all, so nobody's own
            self._pending[digest] = task
            task.add_done_callback(lambda _: self._pending.pop(digest, None))
        return await asyncio.shield(task)

    async def _look_up(self, digest: bytes, find: CredentialLookUp) -> KnownCredential | None:
        before = self._changes
        with in_our_words():
            async with self._pool.acquire() as connection:
                found = await find(connection, digest)
        if found is None:
            _put(self._unknown, digest, self._clock() + _UNKNOWN_SECONDS, _UNKNOWN_MAX)
            self._known.pop(digest, None)
        elif self._listens and before == self._changes:  # else it may have changed since it was read
            found.noted = 0.0
            found.last_seen = self._clock()
            _put(self._known, digest, found, _KEPT_MAX)
        return found

    async def _note_uses(self) -> None:
        while True:
            await asyncio.sleep(_NOTE_SECONDS)
            try:
                await self.note_uses()
            except Exception:  # noqa: BLE001  # a fault here must not end the noting
                _log.exception("uses of tokens and sessions could not be noted; trying again")

    async def _on_listening(self, _connection: asyncpg.Connection) -> None:
        self._forget()
        self._listens = True

    def _on_lost(self) -> None:
        self._listens = False
        self._forget()

    def _forget(self) -> None:
        self._changes += 1
        self._known.clear()
        self._unknown.clear()

    def _on_change(self, text: str) -> None:
        self._changes += 1
        kind, _, key = text.partition(":")
        if kind == "digest":
            self._known.pop(bytes.fromhex(key), None)
        else:
            gone = [digest for digest, known in self._known.items() if str(known.account_id) == key]
            for digest in gone:
                del self._known[digest]


def _put[V](kept: OrderedDict[bytes, V], digest: bytes, value: V, most: int) -> None:
    kept[digest] = value
    kept.move_to_end(digest)
    if len(kept) > most:
        kept.popitem(last=False)
