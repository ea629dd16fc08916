"""Which areas a place is in, at a rate, and what is around it."""

from __future__ import annotations

import asyncio
import time

import numpy as np

from benchmarks.answers.asking import ASKER, AnswerCase, ask, query
from benchmarks.answers.travel import places
from benchmarks.results import Figure, at_least, at_most
from benchmarks.rights.callers import InProcess

LOCATE_MS, NEARBY_MS = 10.0, 50.0
PER_SECOND = 500
_SECONDS = 10
_QUESTIONS = 200
_LAYERS = "video_points,emergency_resources,events,iot_devices,water_facilities"


async def measure(app: InProcess, url: str, share: float = 1.0) -> list[Figure]:
    """Measure places located at a rate, each due at its own moment, and what is within 300 m in five layers."""
    at = [query({"lon": lon, "lat": lat}) for lon, lat in await places(url, max(round(_QUESTIONS * share), 10))]
    near = [f"/twin/nearby?{one}&radius_m=300&layers={_LAYERS}" for one in at]
    located = await _at_rate(app, [f"/twin/locate?{one}" for one in at], max(round(PER_SECOND * _SECONDS * share), 10))
    return [*located, *await ask(app, AnswerCase("within 300 m in five layers", near, NEARBY_MS))]


async def _at_rate(app: InProcess, targets: list[str], number: int) -> list[Figure]:
    """Ask at the rate whether or not the answers before have come; waiting for a late answer would hide it."""
    for target in targets[:5]:
        await app.get(target, ASKER)
    loop = asyncio.get_running_loop()
    begun = loop.time()

    async def one(n: int) -> float:
        due = begun + n / PER_SECOND
        await asyncio.sleep(due - loop.time())
        status = await app.get(targets[n % len(targets)], ASKER)
        if status != 200:
            raise RuntimeError(f"{targets[n % len(targets)]} was answered with {status}")
        return loop.time() - due

    clock = time.perf_counter()
    late_s = await asyncio.gather(*map(one, range(number)))
    took_s = time.perf_counter() - clock
    middle, late = np.percentile(late_s, [50, 95]) * 1000
    return [
        at_least("places located", "places/s", number / took_s, PER_SECOND * 0.95),
        at_most("a place located at that rate, p50", "ms", float(middle), None),
        at_most("a place located at that rate, p95", "ms", float(late), LOCATE_MS),
    ]
