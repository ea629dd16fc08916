"""Reads with the audit on beside the same reads with it off, and what a record before the answer costs."""

from __future__ import annotations

import asyncio
from pathlib import Path
from statistics import median

import asyncpg

from benchmarks.results import Figure, faster
from benchmarks.rights.callers import InProcess
from benchmarks.rights.cpu import CpuClock
from layers.actor import ANONYMOUS, OPERATOR, Actor
from server.settings import load_settings

GOAL = 0.95
_ROUNDS = 9
_ACTORS = {"anonymous": ANONYMOUS, "officer": Actor("officer", clearance=2), "operator": OPERATOR}
_BBOX = "bbox=113.33,23.12,113.36,23.15"
CASES = {
    "page of grade 1 (counted)": ("anonymous", f"/ogc/collections/streets/items?limit=20&{_BBOX}", 300),
    "page of grade 2 (a record each)": ("officer", f"/ogc/collections/buildings/items?limit=20&{_BBOX}", 300),
    "feature of grade 2 (a record each)": ("officer", "/ogc/collections/grids/items/{grid}", 600),
    "tile of grade 1, kept (counted)": ("anonymous", "/tiles/streets/12/3337/1776.mvt", 1500),
    "tile of grade 2, kept (counted)": ("officer", "/tiles/grids/12/3337/1776.mvt", 1500),
    "page of grade 3 and 4 (before it leaves)": ("operator", f"/ogc/collections/video_points/items?{_BBOX}", 300),
}


async def measure(url: str, home: Path, share: float = 1.0) -> list[Figure]:
    """Measure, the two applications by turns.

    Parameters
    ----------
    share
        Of the requests of each round.
    """
    databases = {"url": url, "pool_size": 4}
    on = InProcess(load_settings(home=home / "on", database=databases), _ACTORS)
    off = InProcess(load_settings(home=home / "off", database=databases, audit={"enabled": False}), _ACTORS)
    connection = await asyncpg.connect(url)
    rows = []
    async with on, off:
        grid = await connection.fetchval("SELECT min(id) FROM layer.grids")
        turns = _Turns(on, off, CpuClock(connection))
        for name, (actor, target, count) in CASES.items():
            with_it, without = await turns.rates(target.format(grid=grid), actor, max(8, int(count * share)))
            goal = None if actor == "operator" else GOAL
            rows.append(faster(name, with_it, without, goal, "req/cpu-s"))
    await connection.close()
    return rows


class _Turns:
    """Both applications, and the clock of their work."""

    def __init__(self, on: InProcess, off: InProcess, clock: CpuClock) -> None:
        self._on, self._off, self._clock = on, off, clock

    async def rates(self, target: str, actor: str, count: int) -> tuple[float, float]:
        """Return requests by second of work with the audit and without, from rounds that begin with either."""
        work: dict[InProcess, list[float]] = {self._on: [], self._off: []}
        for turn in range(_ROUNDS + 1):
            for app in (self._on, self._off) if turn % 2 else (self._off, self._on):
                begin = await self._clock.seconds()
                await app.get_all([target], actor, count)
                await _stored(app)
                if turn:  # the first warms plans and caches
                    work[app].append(await self._clock.seconds() - begin)
        ratio = median(without / with_it for with_it, without in zip(work[self._on], work[self._off], strict=True))
        rate = count / median(work[self._off])
        return rate * ratio, rate


async def _stored(app: InProcess) -> None:
    """Wait until every record is stored: that work belongs to the requests."""
    writer = app.app.state.shared.audit.writer
    if writer is None:
        return
    writer.flush()
    while writer.waiting:  # noqa: ASYNC110  # another task empties the queue
        await asyncio.sleep(0.005)
