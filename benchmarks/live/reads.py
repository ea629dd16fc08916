"""Reads of OGC items during other load, in responses per second."""

from __future__ import annotations

import asyncio
import time
from threading import Event, Thread
from typing import Self

import numpy as np

from benchmarks.live.http import KeptConnection
from benchmarks.live.service import LiveService


class ItemReader:
    """Reads of OGC items from two connections while the block lasts.

    Attributes
    ----------
    rate
        Responses per second, once the block has ended.
    """

    def __init__(self, service: LiveService) -> None:
        self._service, self._over, self.rate = service, Event(), 0.0
        self._thread = Thread(target=self._run, name="reading", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        self.rate = asyncio.run(_reads(self._service, self._over))


def reads_a_second(service: LiveService, seconds: float) -> float:
    """Return the rate of reads per second without other load."""
    with ItemReader(service) as reading:
        time.sleep(seconds)
    return reading.rate


async def _reads(service: LiveService, over: Event) -> float:
    west, south, east, north = service.city.box
    done, began = 0, time.monotonic()

    async def read(seed: int) -> None:
        nonlocal done
        random = np.random.default_rng(seed)
        async with KeptConnection(service.port) as connection:
            while not over.is_set():
                x, y = random.uniform(west, east - 0.01), random.uniform(south, north - 0.01)
                box = f"{x:.5f},{y:.5f},{x + 0.01:.5f},{y + 0.01:.5f}"
                path = f"/ogc/collections/buildings/items?f=json&limit=100&bbox={box}"
                status, _ = await connection.get(path, {"authorization": f"Bearer {service.token}"})
                if status != 200:
                    raise RuntimeError(f"{path} answered {status}")
                done += 1

    await asyncio.gather(read(1), read(2))
    return done / (time.monotonic() - began)
