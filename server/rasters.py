"""The rasters of the catalogue, read again when one was loaded."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache, partial
from pathlib import Path

import asyncpg
from pyproj import CRS

from layers.actor import Actor
from layers.catalog import CatalogHolder
from layers.errors import NotFound, Unavailable
from tiles.raster.members import Member, Raster, RasterFrame, ground_m
from tiles.raster.opened import OpenRasters

_AT_ONCE = 2
_HEADS = """
SELECT id, title, grade, vertical_datum, synthetic, overlap, (
    SELECT jsonb_array_length(m.bands) FROM onemap.raster_member AS m WHERE m.raster = r.id LIMIT 1
) AS bands
FROM onemap.raster AS r ORDER BY id
"""
_MEMBERS = """
SELECT raster, number, file, phenomenon_time, srid, resolution[1] AS resolution,
    ST_XMin(extent) AS west, ST_YMin(extent) AS south, ST_XMax(extent) AS east, ST_YMax(extent) AS north
FROM onemap.raster_member ORDER BY raster, number
"""
_RANGES = """
SELECT m.raster, b.place, min((b.band ->> 'min')::float8) AS low, max((b.band ->> 'max')::float8) AS high
FROM onemap.raster_member AS m, jsonb_array_elements(m.bands) WITH ORDINALITY AS b (band, place)
GROUP BY m.raster, b.place ORDER BY m.raster, b.place
"""


class Rasters:
    """All rasters by id.

    Attributes
    ----------
    files
        Their files, kept open.

    Parameters
    ----------
    folder
        Where their files are.
    catalog
        Tells when something changed; while it cannot hear, every question goes to the database.
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
        """Return those the actor may see, in the order of their ids."""
        return [raster for raster in (await self._all()).values() if raster.grade <= actor.clearance]

    async def get(self, name: str, actor: Actor) -> Raster:
        """Return one.

        Raises
        ------
        NotFound
            When there is none, or it is hidden from this actor: both are told in the same words.
        """
        raster = (await self._all()).get(name)
        if raster is None or raster.grade > actor.clearance:
            known = ", ".join(one.id for one in await self.visible(actor)) or "none yet"
            raise NotFound(f"there is no raster '{name[:80]}'; rasters: {known}", parameter="raster")
        return raster

    async def read[T](self, name: str, actor: Actor, work: Callable[[OpenRasters, Raster], T]) -> T:
        """Do in a thread what reads files of a raster, few at a time: each reading holds some megabytes.

        A raster that was replaced between the look into the catalogue and the opening of its file is read again.

        Raises
        ------
        Unavailable
            When its files cannot be read.
        """
        raster = await self.get(name, actor)
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
            if before == self._changes:  # nothing was loaded meanwhile
                self._known = known
        return known

    async def _read_all(self) -> dict[str, Raster]:
        async with self._pool.acquire() as connection, connection.transaction(isolation="repeatable_read"):
            heads = await connection.fetch(_HEADS)
            members, ranges = defaultdict(list), defaultdict(list)
            if heads:
                for row in await connection.fetch(_MEMBERS):
                    members[row["raster"]].append(row)
                for row in await connection.fetch(_RANGES):
                    ranges[row["raster"]].append(None if row["low"] is None else (row["low"], row["high"]))
        made = partial(self._made, members=members, ranges=ranges)
        return await asyncio.to_thread(lambda: {row["id"]: made(row) for row in heads if members[row["id"]]})

    def _made(
        self,
        head: asyncpg.Record,
        members: dict[str, list[asyncpg.Record]],
        ranges: dict[str, list[tuple[float, float] | None]],
    ) -> Raster:
        by_time: dict[datetime | None, list[Member]] = defaultdict(list)
        for row in members[head["id"]]:
            by_time[row["phenomenon_time"]].append(self._member(row))
        topmost = -1 if head["overlap"] == "newest" else 1
        frames = {time: RasterFrame.of(time, tuple(found[::topmost])) for time, found in by_time.items()}
        return Raster(
            id=head["id"],
            title=head["title"],
            bands=head["bands"],
            grade=head["grade"],
            frames=frames,
            ranges=tuple(ranges[head["id"]]),
            overlap=head["overlap"],
            vertical_datum=head["vertical_datum"],
            synthetic=head["synthetic"],
            times=tuple(sorted(time for time in frames if time is not None)),
        )

    def _member(self, row: asyncpg.Record) -> Member:
        return Member(
            number=row["number"],
            path=self._folder / row["file"],
            srid=row["srid"],
            extent_crs84=(row["west"], row["south"], row["east"], row["north"]),
            pixel_m=ground_m(row["resolution"], in_degrees=_in_degrees(row["srid"])),
        )


@lru_cache(maxsize=64)
def _in_degrees(srid: int) -> bool:
    return bool(CRS.from_epsg(srid).is_geographic)
