"""Which areas a place is in, at a rate, and what is around it."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

import numpy as np

from benchmarks.answers.asking import AnswerCase, ask, query
from benchmarks.answers.travel import places
from benchmarks.live.http import KeptConnection
from benchmarks.results import Figure, at_least, at_most
from benchmarks.rights.callers import InProcess
from benchmarks.servers import running_ours

LOCATE_MS, NEARBY_MS = 10.0, 50.0
PER_SECOND = 500
_SECONDS = 10
_START_SECONDS = 4
_QUESTIONS = 200
_CONNECTIONS = 32
_LAYERS = "video_points,emergency_resources,events,iot_devices,water_facilities"


async def measure(app: InProcess, url: str, share: float = 1.0) -> list[Figure]:
    """Measure places located at a rate, each due at its own moment, and what is within 300 m in five layers."""
    at = [query({"lon": lon, "lat": lat}) for lon, lat in await places(url, max(round(_QUESTIONS * share), 10))]
    near = [f"/twin/nearby?{one}&radius_m=300&layers={_LAYERS}" for one in at]
    within = await ask(app, AnswerCase("within 300 m in five layers", near, NEARBY_MS))
    home = app.app.state.shared.settings.home
    with running_ours(url, home) as address:
        port = urlsplit(address).port
        located = await _at_rate(port or 0, [f"/twin/locate?{one}" for one in at], max(round(_SECONDS * share), 1))
    return [*located, *within]


async def _at_rate(port: int, targets: list[str], seconds: int) -> list[Figure]:
    """Ask at the rate whether or not the answers before have come; waiting for a late answer would hide it."""
    loop, idle = asyncio.get_running_loop(), asyncio.Queue[KeptConnection]()
    for _ in range(_CONNECTIONS):
        idle.put_nowait(KeptConnection(port))

    async def one(due: float, target: str) -> float:
        await asyncio.sleep(due - loop.time())
        connection = await idle.get()
        status, _ = await connection.get(target)
        idle.put_nowait(connection)
        if status != 200:
            raise RuntimeError(f"{target} was answered with {status}")
        return loop.time() - due

    for _ in range(2):  # over all connections, so that both workers have read their areas before they are measured
        await asyncio.gather(*(one(loop.time(), target) for target in targets))
    begun, number, unmeasured = loop.time(), PER_SECOND * (_START_SECONDS + seconds), PER_SECOND * _START_SECONDS
    late_s = await asyncio.gather(*(one(begun + n / PER_SECOND, targets[n % len(targets)]) for n in range(number)))
    took_s = loop.time() - begun
    late_s = late_s[unmeasured:]  # before, the second worker and the ingest process may still be starting
    while not idle.empty():
        idle.get_nowait().close()
    middle, late = np.percentile(late_s, [50, 95]) * 1000
    return [
        at_least("places located", "places/s", number / took_s, PER_SECOND * 0.95),
        at_most("a place located at that rate, p50", "ms", float(middle), None),
        at_most("a place located at that rate, p95", "ms", float(late), LOCATE_MS),
    ]
