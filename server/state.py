"""The shared parts of one running web worker."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import asyncpg

from layers.bounded import Bounded
from layers.catalog import CatalogHolder
from layers.errors import Unavailable
from layers.read.counts import CountCache
from server.http.troubles import Troubles
from server.identity.auth import Authenticator
from server.live.playbacks import Playbacks
from server.page.outline import Outlines
from server.rasters import Rasters
from server.settings import Settings
from tiles.basemaps import Basemaps

if TYPE_CHECKING:
    from server.tiles.make import TileMaker  # which reads calls, and those the state

_PLAN_BYTES, _BYTES_A_CHARACTER = 12_000, 60  # measured: of a plan with its statements, by the text it was made of


class RequestPlans:
    """What was worked out of a request's text and holds for the next one alike: checked queries, statements.

    Keys carry the catalogue's fingerprint and the audience; the least recently used go first. Long requests are
    worked out anew, so that a stranger cannot fill the memory with them.
    """

    longest = 2_000

    def __init__(self, bytes_max: int = 32 * 1024 * 1024) -> None:
        self._plans: Bounded[Hashable, Any] = Bounded(bytes_max)

    def get[T](self, key: tuple[Hashable, ...], make: Callable[[], T]) -> T:
        """Return the plan of a key, made now if it is not there; an error of `make` is not kept."""
        characters = sum(len(part) for part in key if isinstance(part, str))
        if characters > self.longest:
            return make()
        kept: T | None = self._plans.get(key)
        if kept is None:
            kept = make()
            self._plans.put(key, kept, _PLAN_BYTES + _BYTES_A_CHARACTER * characters)
        return kept


class HeavyWork:
    """Lets few do something heavy at a time; who would have to wait behind too many is sent away.

    Raises
    ------
    Unavailable
        On entering, when too many wait.
    """

    def __init__(self, at_once: int = 2, waiting_max: int = 64) -> None:
        self._turns = asyncio.Semaphore(at_once)
        self._waiting_max = waiting_max
        self._waiting = 0

    async def __aenter__(self) -> None:
        if self._waiting >= self._waiting_max:
            raise Unavailable(f"{self._waiting} maps wait to be drawn already; ask again in a moment")
        self._waiting += 1
        try:
            await self._turns.acquire()
        finally:
            self._waiting -= 1

    async def __aexit__(self, *_: object) -> None:
        self._turns.release()


@dataclass(frozen=True, slots=True)
class State:
    """Everything routes share; made at start, closed at stop.

    Attributes
    ----------
    pool, lookups
        Connections of the reading role: one pool for queries, one for look-ups by key, whose plans are kept.
    build
        Which code made an answer; part of every entity tag.
    """

    settings: Settings
    pool: asyncpg.Pool
    lookups: asyncpg.Pool
    catalog: CatalogHolder
    counts: CountCache
    authenticator: Authenticator
    build: str
    tiles: TileMaker
    basemaps: Basemaps
    rasters: Rasters
    plans: RequestPlans = field(default_factory=RequestPlans)
    outlines: Outlines = field(default_factory=Outlines)
    troubles: Troubles = field(default_factory=Troubles)
    playbacks: Playbacks = field(default_factory=Playbacks)
    map_turns: HeavyWork = field(default_factory=HeavyWork)
