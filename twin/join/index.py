"""The bulk join: the areas, waterway, cameras and flood points around each of many points, found in memory.

An `AreaIndex` is an immutable snapshot of the layers, read once and shared. When the version of a layer has changed,
`read` makes the next one, with the unchanged parts of the one before. SQL (`onemap.place_at`) computes the same for one
point at a time, and is the oracle of the tests.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from time import monotonic

import asyncpg
import numpy as np

from layers.areas import Areas, read_areas
from layers.catalog import Catalog
from layers.live_source import AREA_CODE_FIELDS
from layers.tiers import TIER_OF_LAYER, URBAN_VILLAGES, split_area_code
from layers.types import Points, Positions, Texts
from twin.join.areas import AreaTiers
from twin.join.devices import LAYERS as DEVICE_LAYERS
from twin.join.devices import DeviceIndex, read_devices
from twin.join.layers import read_points, read_waterways
from twin.join.metres import MetrePoints
from twin.join.points import NearPoints
from twin.join.result import JoinedPoints, Lists
from twin.join.waterways import Waterways

WATERWAY_M, VIDEO_M, FLOOD_M = 100.0, 300.0, 200.0
VIDEO_POINTS = 3
_VIDEO_CELLS_M = (25.0, 75.0)  # nine such cells hold a few cameras, at the density of cities
_ROWS_READ_A_SECOND = 10_000  # of a layer of devices that changes all the time, on average
_TIERS = tuple(TIER_OF_LAYER)
_SURROUNDINGS = (URBAN_VILLAGES, "waterways", "video_points", "flood_risk_points")
LAYERS = tuple(dict.fromkeys((*_TIERS, *_SURROUNDINGS, *DEVICE_LAYERS)))
_AREA_LAYERS = (*_TIERS, URBAN_VILLAGES)


@dataclass(frozen=True, slots=True)
class AreaIndex:
    """The layers that points are joined with, at one moment.

    Attributes
    ----------
    versions
        The version of each layer, which changes with its live state too; 0 for a missing layer.
    tables
        The versions of the layers' tables alone, which decide what is read again.
    rests_until
        Until when a layer of devices is not read again although it changes; seconds of the monotonic clock.
    ends_at
        The next time an area ends without a write to its layer; None when none has an end.
    """

    versions: Mapping[str, int]
    tables: Mapping[str, int]
    ends_at: datetime | None
    areas: Mapping[str, Areas]
    tiers: AreaTiers
    waterways: Waterways
    video_points: NearPoints
    flood_risk_points: NearPoints
    devices: DeviceIndex
    rests_until: Mapping[str, float]

    @classmethod
    async def read(cls, connection: asyncpg.Connection, before: AreaIndex | None = None) -> AreaIndex:
        """Return an index of the layers as they are now, all at the same moment.

        Parameters
        ----------
        connection
            In any role, outside of a transaction.
        before
            An older index, whose unchanged parts are used again.
        """
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            return await _read(connection, before)

    def is_current(self, catalog: Catalog) -> bool:
        """Return whether the index is of the versions of the layers in the catalogue."""
        if self.ends_at is not None and self.ends_at <= datetime.now(UTC):
            return False
        return all((catalog[name].version if name in catalog else 0) == self.versions[name] for name in LAYERS)

    def areas_of(self, lonlat: Points) -> tuple[Texts, Texts]:
        """Return the grid and area codes of points without their surroundings, which positions do not need.

        Parameters
        ----------
        lonlat
            `[n, 2]` longitude, latitude in CGCS2000 degrees; NaN is in no area.

        Returns
        -------
        tuple
            `[n]` grid codes and `[n]` area codes; None where there is none.
        """
        return self.tiers.codes(lonlat)

    def device_area(self, layer: str, device_id: str) -> tuple[str | None, str | None]:
        """Return the grid code and the area code of a device, from its layer; None twice when it is unknown."""
        return self.devices.place(layer, device_id)

    def locate(self, lonlat: Points) -> JoinedPoints:
        """Return the areas and the surroundings of points.

        Parameters
        ----------
        lonlat
            `[n, 2]` longitude, latitude in CGCS2000 degrees. NaN and points elsewhere have none.
        """
        metres = MetrePoints.of(lonlat)
        placed = self.tiers.place(lonlat, metres)
        along = self.waterways.along(metres, WATERWAY_M)
        video, _ = self.video_points.nearest(metres, VIDEO_POINTS)
        flood, _ = self.flood_risk_points.nearest(metres, 1)
        grid_code = _named(self.tiers.grids.codes, placed.grid)
        return JoinedPoints(
            area_code=placed.area_code,
            **_parts(placed.area_code),
            grid_code=grid_code,
            grid_match=placed.match,
            grid_distance_m=placed.grid_distance_m,
            urban_village_ids=_lists(len(lonlat), *self.areas[URBAN_VILLAGES].covering(lonlat), self._village_ids),
            waterway_id=_named(self.waterways.ids, along.waterway),
            chainage_m=along.chainage_m,
            bank=along.bank,
            waterway_distance_m=along.distance_m,
            video_point_ids=_tuples(self.video_points.ids, video),
            flood_risk_point_id=_named(self.flood_risk_points.ids, flood[:, 0]),
        )

    @property
    def _village_ids(self) -> Texts:
        return self.areas[URBAN_VILLAGES].codes


async def _read(connection: asyncpg.Connection, before: AreaIndex | None) -> AreaIndex:
    rows = await connection.fetch(
        "SELECT id, version, table_version FROM onemap.layer WHERE id = ANY ($1)", list(LAYERS)
    )
    versions = dict.fromkeys(LAYERS, 0) | {row["id"]: row["version"] for row in rows}
    tables = dict.fromkeys(LAYERS, 0) | {row["id"]: row["table_version"] for row in rows}
    if before is not None and before.ends_at is not None and before.ends_at <= datetime.now(UTC):
        tables_before: Mapping[str, int] = {**before.tables, **dict.fromkeys(_AREA_LAYERS, -1)}  # areas have ended
    else:
        tables_before = before.tables if before is not None else {}

    def same(*names: str) -> AreaIndex | None:
        return None if any(tables_before.get(name) != tables[name] for name in names) else before

    if before is not None:
        for name in _resting(before):  # layers that change every second are not read every second
            versions[name], tables[name] = before.versions[name], before.tables[name]
    if kept_all := same(*LAYERS):
        return replace(kept_all, versions=versions)
    areas = {}
    for name in _AREA_LAYERS:
        kept = same(name)
        areas[name] = kept.areas[name] if kept else await read_areas(connection, name, AREA_CODE_FIELDS[name])
    ends = [part.ends_at for part in areas.values() if part.ends_at is not None]
    kept_tiers, kept_water = same(*_TIERS), same("waterways")
    kept_video, kept_flood = same("video_points"), same("flood_risk_points")
    devices, rests_until = await _devices(connection, before, [n for n in DEVICE_LAYERS if not same(n)])
    return AreaIndex(
        versions,
        tables,
        min(ends, default=None),
        areas,
        kept_tiers.tiers if kept_tiers else AreaTiers.of(areas),
        kept_water.waterways if kept_water else await read_waterways(connection),
        kept_video.video_points
        if kept_video
        else await read_points(connection, "video_points", VIDEO_M, _VIDEO_CELLS_M),
        kept_flood.flood_risk_points if kept_flood else await read_points(connection, "flood_risk_points", FLOOD_M),
        devices,
        rests_until,
    )


def _resting(before: AreaIndex) -> list[str]:
    return [name for name, until in before.rests_until.items() if until > monotonic()]


async def _devices(
    connection: asyncpg.Connection, before: AreaIndex | None, changed: Sequence[str]
) -> tuple[DeviceIndex, Mapping[str, float]]:
    """Read the devices of changed layers; return the index, and until when each layer rests, by its number of rows."""
    read = await read_devices(connection, changed)
    kept, resting = (before.devices.by_layer, before.rests_until) if before is not None else ({}, {})
    now = monotonic()
    rests_until = {**resting, **{name: now + len(places) / _ROWS_READ_A_SECOND for name, places in read.items()}}
    return DeviceIndex({**kept, **read}), rests_until


def _named(names: Texts, positions: Positions) -> Texts:
    """Return names by position; None for -1."""
    named = np.full(len(positions), None, dtype=object)
    known = positions >= 0
    named[known] = names[positions[known]]
    return named


def _parts(area_code: Texts) -> dict[str, Texts]:
    """Split area codes; each distinct code once, because many points share a few hundred."""
    parts = {code: split_area_code(code) for code in set(area_code.tolist())}
    split = np.array([parts[code] for code in area_code.tolist()], dtype=object).reshape(-1, 3)
    return {"district": split[:, 0], "street": split[:, 1], "community": split[:, 2]}


def _lists(number: int, point: Positions, item: Positions, names: Texts) -> Lists:
    """Return a tuple of names for each point, in the order of the names."""
    made = np.empty(number, dtype=object)
    made.fill(())
    for row, name in zip(point[order := np.lexsort([item, point])].tolist(), names[item[order]], strict=True):
        made[row] += (name,)
    return made


def _tuples(names: Texts, positions: Positions) -> Lists:
    """Return a tuple of names for each row `[n, k]`, without the -1 at its end."""
    made = np.empty(len(positions), dtype=object)
    made.fill(())
    count = (positions >= 0).sum(axis=1)
    for k in range(1, positions.shape[1] + 1):
        rows = np.flatnonzero(count == k)
        columns = (names[positions[rows, n]].tolist() for n in range(k))
        made[rows] = np.fromiter(zip(*columns, strict=True), dtype=object, count=len(rows))
    return made
