"""The rasters of the catalogue, read again after a load."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from pathlib import Path

import asyncpg
from pyproj import CRS

from layers.actor import Actor
from layers.catalog_holder import CatalogHolder
from layers.errors import NotFound, Unavailable
from layers.read.rasters import StoredMember, StoredRaster, read_rasters
from server.audit.touched import touch_graded
from tiles.raster.members import Member, Raster, RasterFrame, ground_m
from tiles.raster.opened import OpenRasters

_AT_ONCE = 2


class Rasters:
    """All rasters by id.

    Attributes
    ----------
    files
        Their open files.

    Parameters
    ----------
    folder
        Folder of their files.
    catalog
        Reports changes; while its notifications are interrupted, every call reads the database.
    """

    def __init__(self, pool: asyncpg.Pool, folder: Path, catalog: CatalogHolder) -> None:
        self._pool, self._folder, self._catalog = pool, folder, catalog
        self._known: dict[str, Raster] | None = None
        self._changes = 0
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self.files = OpenRasters()
        catalog.on_change.append(self._forget)

    def _forget(self) -> None:
        self._known = None
        self._changes += 1

    async def visible(self, actor: Actor) -> list[Raster]:
        """Return the rasters the actor may see, in the order of their ids."""
        return [raster for raster in (await self._all()).values() if raster.grade <= actor.clearance]

    async def get(self, name: str, actor: Actor) -> Raster:
        """Return a raster by id.

        Raises
        ------
        NotFound
            When there is none, or it is hidden from the actor; the message is the same.
        """
        raster = (await self._all()).get(name)
        if raster is None or raster.grade > actor.clearance:
            known = ", ".join(one.id for one in await self.visible(actor)) or "none yet"
            raise NotFound(f"there is no raster '{name[:80]}'; rasters: {known}", parameter="raster")
        return raster

    async def read[T](self, name: str, actor: Actor, work: Callable[[OpenRasters, Raster], T]) -> T:
        """Run work that reads files of a raster in a thread, two at a time: each holds some megabytes.

        When the raster was replaced after the catalogue was read, the work runs again on the new files.

        Raises
        ------
        NotFound
            When there is no such raster for the actor.
        Unavailable
            When its files cannot be read.
        """
        raster = await self.get(name, actor)
        touch_graded(f"raster/{raster.id}", raster.grade, actor)
        async with self._turns:
            try:
                return await asyncio.to_thread(work, self.files, raster)
            except Unavailable:
                self._forget()
                fresh = await self.get(name, actor)
                if fresh.frames == raster.frames:
                    raise
                return await asyncio.to_thread(work, self.files, fresh)

    async def close(self) -> None:
        """Close the files."""
        await asyncio.to_thread(self.files.close)

    async def _all(self) -> dict[str, Raster]:
        known = self._known
        if known is None or not self._catalog.trusted:
            before = self._changes
            known = await self._read_all()
            if before == self._changes:  # no load happened meanwhile
                self._known = known
        return known

    async def _read_all(self) -> dict[str, Raster]:
        async with self._pool.acquire() as connection:
            stored = await read_rasters(connection)
        return await asyncio.to_thread(lambda: {one.id: self._raster(one) for one in stored})

    def _raster(self, stored: StoredRaster) -> Raster:
        by_time: dict[datetime | None, list[Member]] = defaultdict(list)
        for member in stored.members:
            by_time[member.phenomenon_time].append(self._member(member))
        topmost = -1 if stored.overlap == "newest" else 1
        frames = {time: RasterFrame.of(time, tuple(found[::topmost])) for time, found in by_time.items()}
        return Raster(
            id=stored.id,
            title=stored.title,
            bands=stored.bands,
            grade=stored.grade,
            frames=frames,
            ranges=stored.ranges,
            overlap=stored.overlap,
            vertical_datum=stored.vertical_datum,
            synthetic=stored.synthetic,
            times=tuple(sorted(time for time in frames if time is not None)),
        )

    def _member(self, stored: StoredMember) -> Member:
        return Member(
            number=stored.number,
            path=self._folder / stored.file,
            srid=stored.srid,
            extent_crs84=stored.extent_crs84,
            pixel_m=ground_m(stored.resolution, in_degrees=_in_degrees(stored.srid)),
        )


@lru_cache(maxsize=64)
def _in_degrees(srid: int) -> bool:
    return bool(CRS.from_epsg(srid).is_geographic)
