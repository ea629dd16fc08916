"""The cache of tiles of one process, as the settings describe it."""

from __future__ import annotations

import asyncpg

from layers.changed import ChangedAreas
from server.settings import MIB, Settings
from tiles.cache import TileCache
from tiles.disk import DiskTiles


def tile_cache(settings: Settings, pool: asyncpg.Pool) -> TileCache:
    """Return the cache of tiles; it takes over the disk tiles of an earlier run that are still valid."""
    disk_bytes = settings.tiles.disk_mib * MIB
    disk = DiskTiles(settings.home / "tiles", disk_bytes) if disk_bytes else None
    return TileCache(ChangedAreas(pool), disk, settings.tiles.memory_mib * MIB)
