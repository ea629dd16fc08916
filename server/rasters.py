"""The rasters of the catalogue, read again when one was loaded."""

from __future__ import annotations

import asyncio
from pathlib import Path

import asyncpg

from layers.actor import Actor
from layers.catalog import CatalogHolder
from layers.errors import NotFound
from tiles.raster import Raster

_AT_ONCE = 2
_SELECT = """
SELECT id, title, file, srid, jsonb_array_length(bands) AS bands, resolution, grade, loaded_at,
    vertical_datum, synthetic,
    ST_XMin(extent) AS west, ST_YMin(extent) AS south, ST_XMax(extent) AS east, ST_YMax(extent) AS north
FROM onemap.raster ORDER BY id
"""


class Rasters:
    """All rasters by id.

    Attributes
    ----------
    turns
        Taken while one is drawn: each drawing holds some megabytes.

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
        self.turns = asyncio.Semaphore(_AT_ONCE)
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

    async def _all(self) -> dict[str, Raster]:
        known = self._known
        if known is None or not self._catalog.trusted:
            before = self._changes
            known = {row["id"]: self._raster(row) for row in await self._pool.fetch(_SELECT)}
            if before == self._changes:  # nothing was loaded meanwhile
                self._known = known
        return known

    def _raster(self, row: asyncpg.Record) -> Raster:
        return Raster(
            id=row["id"],
            title=row["title"],
            path=self._folder / row["file"],
            srid=row["srid"],
            bands=row["bands"],
            extent_crs84=(row["west"], row["south"], row["east"], row["north"]),
            resolution=tuple(row["resolution"]),
            grade=row["grade"],
            stamp=row["loaded_at"].isoformat(),
            vertical_datum=row["vertical_datum"],
            synthetic=row["synthetic"],
        )
