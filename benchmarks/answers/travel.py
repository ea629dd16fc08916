"""Ways on the roads of the demo, from places where events are."""

from __future__ import annotations

import random
from itertools import pairwise

import asyncpg

from benchmarks.answers.asking import AnswerCase, ask, query
from benchmarks.results import Figure, at_least
from benchmarks.rights.callers import InProcess
from layers.actor import OPERATOR
from layers.schema.tables import table_of

NEAREST_MS = 150.0
_PLACES = 200


async def places(url: str, number: int) -> list[tuple[float, float]]:
    """Return longitude and latitude of events; the same at every run."""
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch(
            f"SELECT ST_X(geom) AS lon, ST_Y(geom) AS lat FROM {table_of('events')} WHERE geom IS NOT NULL ORDER BY id"
        )
    finally:
        await connection.close()
    chosen = random.Random(1).sample(rows, min(number, len(rows)))
    return [(row["lon"], row["lat"]) for row in chosen]


async def measure(app: InProcess, url: str, share: float = 1.0) -> list[Figure]:
    """Measure the nearest resources, routes, and what is reached."""
    found = await places(url, max(round(_PLACES * share), 10))
    at = [query({"lon": lon, "lat": lat}) for lon, lat in found]
    ends = pairwise(found)
    cases = [
        AnswerCase("nearest three resources by road", [f"/twin/nearest-resources?{one}&n=3" for one in at], NEAREST_MS),
        AnswerCase(
            "route between two places",
            [f"/twin/route?from={a[0]},{a[1]}&to={b[0]},{b[1]}" for a, b in ends],
            None,
        ),
        AnswerCase("reached within five minutes", [f"/twin/reachable?{one}&minutes=5" for one in at], None),
    ]
    network = await app.app.state.shared.roads.current(OPERATOR)
    rows = [at_least("edges of the road network", "edges", float(len(network)), None)]
    for case in cases:
        rows += await ask(app, case)
    return rows
