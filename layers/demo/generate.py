"""The generator of the synthetic district: every layer, from one seed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import numpy as np
import shapely

from layers.demo.buildings.addresses import make_addresses
from layers.demo.buildings.buildings import make_buildings, make_houses
from layers.demo.district.areas import make_areas
from layers.demo.district.district import District
from layers.demo.district.land import LAND_USE_CODE, make_land
from layers.demo.district.outline import DistrictOutline, nearest_outlines, read_outline
from layers.demo.district.roads import make_network, make_roads
from layers.demo.district.villages import make_village_outlines, make_villages
from layers.demo.district.water import make_waters, make_waterways
from layers.demo.features.broadcast import make_broadcast_terminals
from layers.demo.features.cameras import bind_cameras, make_cameras
from layers.demo.features.devices import bind_sensors, make_devices
from layers.demo.features.duty import make_responsibilities, make_rosters
from layers.demo.features.events import make_events
from layers.demo.features.facilities import make_facilities
from layers.demo.features.flooding import make_flood_points
from layers.demo.features.people import make_vehicles, make_workers
from layers.demo.features.resources import make_resources
from layers.demo.features.services import make_service_sites
from layers.demo.features.stations import make_air_stations, make_level_stations, make_rain_gauges
from layers.demo.table import DemoTable, concat_tables
from layers.errors import BadInput

SEED = 440106
AS_OF = datetime(2026, 1, 5, 10, 0, tzinfo=timezone(timedelta(hours=8)))
LARGEST_SCALE = 1000.0


def generate(
    scale: float = 1.0, seed: int = SEED, outline: DistrictOutline | None = None, *, as_of: datetime = AS_OF
) -> dict[str, DemoTable]:
    """Generate every layer.

    Parameters
    ----------
    scale
        Multiplier of all numbers of features. Up to 1.5 it gives one district; beyond that ``round(scale)``
        neighbouring districts, each with its own outline, codes and share.
    seed
        The same seed gives the same district, to the last byte.
    outline
        The first district; Tianhe (440106) by default.
    as_of
        The moment of the demo, with a time zone; live fields and events lie shortly before it.

    Returns
    -------
    dict
        Tables by layer id, geometries in CGCS2000 degrees of seven decimals.

    Raises
    ------
    BadInput
        When the scale is not between 0.001 and 1000.
    """
    districts = list(generate_districts(scale, seed, outline, as_of=as_of))
    return {layer: concat_tables([tables[layer] for tables in districts]) for layer in districts[0]}


def district_count(scale: float) -> int:
    """Return the number of districts of a scale."""
    return round(scale) if scale > 1.5 else 1


def generate_districts(
    scale: float = 1.0, seed: int = SEED, outline: DistrictOutline | None = None, *, as_of: datetime = AS_OF
) -> Iterator[dict[str, DemoTable]]:
    """Generate district by district, for a province that does not fit into memory; see `generate`.

    Raises
    ------
    BadInput
        When the scale is not between 0.001 and 1000.
    """
    if not 0.001 <= scale <= LARGEST_SCALE:
        raise BadInput(
            f"the demo's scale is {scale:g}, and must be between 0.001 and {LARGEST_SCALE:g}", parameter="scale"
        )
    first = outline or read_outline()
    count = district_count(scale)
    outlines = [first] if count == 1 else [first, *nearest_outlines(first.code, count)[1:]]
    for own, share in zip(outlines, _divide_scale(outlines, scale), strict=True):
        yield _generate_one(District(own, share, seed, as_of))


def _divide_scale(outlines: list[DistrictOutline], scale: float) -> list[float]:
    """Return each district's scale: the first has an even share, the rest is divided by the root of the areas."""
    first = scale / len(outlines)
    weights = np.sqrt([outline.polygon.area for outline in outlines[1:]])
    return [first, *((scale - first) * weights / max(float(weights.sum()), 1e-12)).tolist()]


def _generate_one(district: District) -> dict[str, DemoTable]:
    waters = make_waters(district)
    villages = make_village_outlines(district, waters)
    network = make_network(district, villages)
    land = make_land(district)
    houses = make_houses(district, land, network, waters, villages)
    areas = make_areas(district, np.array([LAND_USE_CODE[use] for use in land.tolist()]))
    facilities = make_facilities(district, waters)
    flood_points = make_flood_points(district, network, waters, facilities)
    standard = make_addresses(district, network, houses.centre)
    cameras = make_cameras(district, network, villages, houses, [flood_points, facilities])
    devices = make_devices(district, network, houses, waters, flood_points)
    bind_cameras(cameras, flood_points)
    bind_sensors(devices, flood_points)
    per_village = np.bincount(houses.village[houses.village >= 0], minlength=len(villages))
    tables = [
        *areas,
        make_villages(district, villages, per_village),
        make_buildings(district, houses, standard.column("address"), [v.name for v in district.plan.villages]),
        standard,
        make_roads(district, network),
        cameras,
        make_waterways(district, waters),
        facilities,
        flood_points,
        make_level_stations(district, waters),
        make_rain_gauges(district),
        make_air_stations(district),
        devices,
        make_resources(district, network, land),
        make_vehicles(district, network),
        make_workers(district, areas[3]),
        make_events(district, network, houses, devices.ids, villages),
        make_responsibilities(district, facilities),
        make_rosters(district),
        make_service_sites(district),
        make_broadcast_terminals(district),
    ]
    return {table.layer: _finish(district, table) for table in tables}


_PLACELESS = {"responsibilities", "duty_rosters"}
_OF_PLACES = {
    "openness",
    "sharing_type",
    "position_accuracy_m",
    "crs_source",
    "quality_flag",
}  # columns of layers whose features have places
_MULTI = {"districts", "streets", "communities", "grids", "urban_villages", "buildings"}


def _finish(district: District, table: DemoTable) -> DemoTable:
    """Convert metres to degrees, and add the columns that every row of the demo has."""
    if table.layer in _PLACELESS:
        common = {name: value for name, value in _common(district, table).items() if name not in _OF_PLACES}
        return DemoTable(table.layer, table.ids, table.geometry, common | table.columns)
    geometry = district.frame.degrees(table.geometry)
    if table.layer in _MULTI:
        geometry = _multi(geometry)
    return DemoTable(table.layer, table.ids, geometry, _common(district, table) | table.columns)


def _multi(polygons: np.ndarray[Any, np.dtype[np.object_]]) -> np.ndarray[Any, np.dtype[np.object_]]:
    parts, owner = shapely.get_parts(polygons, return_index=True)
    return shapely.multipolygons(shapely.orient_polygons(parts), indices=owner)  # type: ignore[no-any-return]


def _common(district: District, table: DemoTable) -> dict[str, Any]:
    since = datetime(2024, 1, 1, tzinfo=UTC)
    is_open = table.columns["data_grade"] == 1 if isinstance(table.columns["data_grade"], int) else False
    return {
        "status": "in_use",
        "openness": "unconditional" if is_open else "conditional",
        "sharing_type": "unconditional" if is_open else "conditional",
        "source_org": "OneMap 合成演示数据",
        "source_system": "onemap-demo",
        "source_id": table.ids,
        "is_authoritative": False,
        "position_accuracy_m": 1.0,
        "crs_source": "CGCS2000",
        "quality_flag": "estimated",
        "valid_from": since,
        "created_at": since,
        "updated_at": district.as_of,
        "version": 1,
    }
