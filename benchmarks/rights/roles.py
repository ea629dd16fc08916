"""Reads of a street's dispatcher beside the same reads of the operator, under the policy that a district starts with.

The requests are those of `bench features` and `bench tiles`, on the tables of those and on layers of the demo where
rows show a dispatcher different things. The audit is off: it costs both the same (`--only audit`).
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

import asyncpg

from benchmarks.ask import hexagons, windows
from benchmarks.results import Figure, faster
from benchmarks.rights import turns
from benchmarks.rights.callers import UNAPPROVED, InProcess
from benchmarks.rights.cpu import CpuClock
from benchmarks.servers import UNLIMITED
from benchmarks.tiles import tiles_at
from layers.actor import Actor
from layers.clause import compose
from layers.policy.policy import Policy
from layers.policy.read import read_policy
from layers.read.relation import relation
from layers.read.rights import scoped
from server.installation import PROJECT
from server.settings import load_settings

GOAL = 0.85
LAYERS = ("bench_points", "bench_buildings", "video_points", "emergency_resources", "buildings", "events")
_ZOOMS = (12, 14, 16)
_VARIANTS = 1000  # more than the requests of all rounds, so that none is answered from a count that is kept
_NO_CACHE = {"memory_mib": 0, "disk_mib": 0}


@dataclass(frozen=True, slots=True)
class ReadCase:
    """Requests of one kind, with the number of them in a round."""

    title: str
    targets: tuple[str, ...]
    count: int

    def of_round(self, turn: int, count: int) -> list[str]:
        """Return the requests of a round; other ones in each."""
        start = turn * count
        return list(islice(cycle(self.targets), start, start + count))


def readers(policy: Policy, street: str) -> dict[str, Actor]:
    """Return the dispatcher of a street and the operator, by role."""
    roles = {"street_dispatcher": (street,), "operator": ()}
    return {
        role: Actor(role, policy.clearance_of((role,)), areas, roles=(role,), policy=policy)
        for role, areas in roles.items()
    }


async def measure(url: str, home: Path, share: float = 1.0) -> list[Figure]:
    """Measure, the two readers by turns; a figure is the dispatcher's rate as a multiple of the operator's.

    Parameters
    ----------
    share
        Of the requests of each round.
    """
    connection = await asyncpg.connect(url)
    actors = readers(read_policy(PROJECT / "config" / "policy"), await busiest_street(connection))
    database = {"url": url, "pool_size": 4}
    settings = load_settings(
        home=home, database=database, audit={"enabled": False}, tiles=_NO_CACHE, export=UNAPPROVED, limits=UNLIMITED
    )
    rows = []
    async with InProcess(settings, actors) as app:
        clock = CpuClock(connection)
        for layer_id in LAYERS:
            ids = await _visible_ids(app, connection, layer_id, actors["street_dispatcher"])
            for case in read_cases(layer_id, ids):
                rows.append(await _compared(app, clock, case, max(2, int(case.count * share))))
                print(f"  {rows[-1].case:48} {rows[-1].ratio}", flush=True)
    await connection.close()
    return rows


async def _compared(app: InProcess, clock: CpuClock, case: ReadCase, count: int) -> Figure:
    async def dispatcher(turn: int) -> None:
        await app.get_all(case.of_round(turn, count), "street_dispatcher", count)

    async def operator(turn: int) -> None:
        await app.get_all(case.of_round(turn, count), "operator", count)

    ours, theirs = await turns.rates(clock, dispatcher, operator, count)
    return faster(case.title, ours, theirs, GOAL, "req/cpu-s")


def read_cases(layer_id: str, ids: list[str]) -> Iterator[ReadCase]:
    """Yield the cases of a layer; single features are asked for by ids that both readers see."""
    items = f"/ogc/collections/{layer_id}/items"
    boxes = [f"bbox={','.join(map(str, box))}" for box in windows(0.022, 0.02, _VARIANTS, seed=1)]
    areas = hexagons(0.02, _VARIANTS, seed=3)
    rings = [", ".join(f"{x} {y}" for x, y in (*area, area[0])) for area in areas]
    inside = [f"filter-lang=cql2-text&filter=S_INTERSECTS(geom,POLYGON(({ring})))" for ring in rings]
    yield ReadCase(f"{layer_id}, walk, limit=10", tuple(f"{items}?limit={10 + n % 20}" for n in range(_VARIANTS)), 40)
    yield ReadCase(f"{layer_id}, walk, limit=1000", tuple(f"{items}?limit={990 + n % 20}" for n in range(_VARIANTS)), 6)
    yield ReadCase(f"{layer_id}, box, limit=10", tuple(f"{items}?limit=10&{box}" for box in boxes), 30)
    yield ReadCase(f"{layer_id}, box, limit=1000", tuple(f"{items}?limit=1000&{box}" for box in boxes), 10)
    yield ReadCase(f"{layer_id}, count of a box", tuple(f"{items}?resulttype=hits&{box}" for box in boxes), 30)
    yield ReadCase(f"{layer_id}, CQL2 polygon", tuple(f"{items}?limit=1000&{area}" for area in inside), 10)
    if ids:
        yield ReadCase(f"{layer_id}, one feature", tuple(f"{items}/{name}" for name in ids), 60)
    for zoom in _ZOOMS:
        tiles = tiles_at(zoom)
        random.Random(zoom).shuffle(tiles)
        paths = tuple(f"/tiles/{layer_id}/{zoom}/{x}/{y}.mvt" for x, y in tiles)
        yield ReadCase(f"{layer_id}, tile z{zoom}", paths, min(30, max(8, len(paths))))


async def busiest_street(connection: asyncpg.Connection) -> str:
    """Return the code of the street with most cameras: of all streets it leaves a dispatcher most to read."""
    street: str = await connection.fetchval(
        "SELECT left(area_code, 9) FROM layer.video_points GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1"
    )
    return street


async def _visible_ids(app: InProcess, connection: asyncpg.Connection, layer_id: str, actor: Actor) -> list[str]:
    layer = app.app.state.shared.catalog.current[layer_id]
    statement = compose(
        f"SELECT f.id FROM {{}} WHERE {{}} LIMIT {_VARIANTS}", relation(layer, actor), scoped(layer, actor)
    )
    text, values = statement.render()
    return [row["id"] for row in await connection.fetch(text, *values)]
