"""Reads over HTTP with the audit on beside the same reads with it off, and what a record before the answer costs."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import asyncpg

from benchmarks.results import Figure, faster
from benchmarks.rights import turns
from benchmarks.rights.callers import UNAPPROVED, InProcess
from benchmarks.rights.cpu import CpuClock
from benchmarks.rights.served import OverHttp
from benchmarks.servers import UNLIMITED
from layers.actor import ANONYMOUS, OPERATOR, Actor
from server.settings import load_settings

GOAL = 0.95
_ROUNDS = 41
"""Each of about half a second: so long records are gathered for one transaction, which is dear in a short round."""
_ACTORS = {"anonymous": ANONYMOUS, "officer": Actor("officer", clearance=2), "operator": OPERATOR}
_BBOX = "bbox=113.33,23.12,113.36,23.15"
CASES = {
    "page of grade 1 (counted)": ("anonymous", f"/ogc/collections/streets/items?limit=20&{_BBOX}", 600),
    "page of grade 2 (a record each)": ("officer", f"/ogc/collections/buildings/items?limit=20&{_BBOX}", 600),
    "feature of grade 2 (a record each)": ("officer", "/ogc/collections/grids/items/{grid}", 1400),
    "tile of grade 1, kept (counted)": ("anonymous", "/tiles/streets/12/3337/1776.mvt", 4000),
    "tile of grade 2, kept (counted)": ("officer", "/tiles/grids/12/3337/1776.mvt", 4000),
    "page of grade 3 and 4 (before it leaves)": ("operator", f"/ogc/collections/video_points/items?{_BBOX}", 120),
}


async def measure(url: str, home: Path, share: float = 1.0) -> list[Figure]:
    """Measure, the two applications by turns.

    Parameters
    ----------
    share
        Of the requests of each round.
    """
    shared: dict[str, Any] = {"database": {"url": url, "pool_size": 4}, "export": UNAPPROVED, "limits": UNLIMITED}
    on, off = (
        InProcess(load_settings(home=home / name, **shared, audit={"enabled": name == "on"}), _ACTORS)
        for name in ("on", "off")
    )
    connection = await asyncpg.connect(url)
    rows = []
    async with OverHttp(on) as served_on, OverHttp(off) as served_off:
        grid = await connection.fetchval("SELECT min(id) FROM layer.grids")
        clock = CpuClock(connection)
        for name, (actor, target, number) in CASES.items():
            count = max(8, int(number * share))
            asked = target.format(grid=grid), actor, count
            serve_on, serve_off = _serving(served_on, on, *asked), _serving(served_off, off, *asked)
            with_it, without = await turns.rates(clock, serve_on, serve_off, count, _ROUNDS)
            goal = None if actor == "operator" else GOAL
            rows.append(faster(name, with_it, without, goal, "req/cpu-s"))
            print(f"  {name:48} {rows[-1].ratio}", flush=True)
    await connection.close()
    return rows


def _serving(served: OverHttp, app: InProcess, target: str, actor: str, count: int) -> turns.Serve:
    """Return rounds of one request, each until its records are stored: that work belongs to the requests."""

    async def serve(_turn: int) -> None:
        await served.get_all(target, actor, count)
        await _stored(app)

    return serve


async def _stored(app: InProcess) -> None:
    writer = app.app.state.shared.audit.writer
    if writer is None:
        return
    writer.flush()
    while writer.waiting:  # noqa: ASYNC110  # another task empties the queue
        await asyncio.sleep(0.005)
