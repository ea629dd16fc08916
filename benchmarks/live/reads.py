"""Reads of OGC items beside everything else: how many are answered a second."""

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
        Answers a second, when it has ended.
    """

    def __init__(self, house: LiveService) -> None:
        self._house, self._over, self.rate = house, Event(), 0.0
        self._thread = Thread(target=self._run, name="reading", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        self.rate = asyncio.run(_reads(self._house, self._over))


def reads_a_second(house: LiveService, seconds: float) -> float:
    """Return how many reads are answered a second while nothing else happens."""
    with ItemReader(house) as reading:
        time.sleep(seconds)
    return reading.rate


async def _reads(house: LiveService, over: Event) -> float:
    west, south, east, north = house.city.box
    done, began = 0, time.monotonic()

    async def read(seed: int) -> None:
        nonlocal done
        random = np.random.default_rng(seed)
        async with KeptConnection(house.port) as connection:
            while not over.is_set():
                x, y = random.uniform(west, east - 0.01), random.uniform(south, north - 0.01)
                box = f"{x:.5f},{y:.5f},{x + 0.01:.5f},{y + 0.01:.5f}"
                path = f"/ogc/collections/buildings/items?f=json&limit=100&bbox={box}"
                status, _ = await connection.get(path, {"authorization": f"Bearer {house.token}"})
                if status != 200:
                    raise RuntimeError(f"{path} answered {status}")
                done += 1

    await asyncio.gather(read(1), read(2))
    return done / (time.monotonic() - began)
