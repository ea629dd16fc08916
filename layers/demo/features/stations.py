"""Measuring stations: water level, rain, air."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from layers.demo.district.district import District
from layers.demo.district.water import Waters
from layers.demo.randomness import pick, shares
from layers.demo.scatter import farthest_points
from layers.demo.table import DemoTable

ONLINE = {"online": 93, "offline": 5, "fault": 2}


def live_columns(
    district: District, online: NDArray[np.str_], interval_s: int, rng: np.random.Generator
) -> dict[str, Any]:
    """Return the live columns of a station: its state, the time of its last report, and the interval."""
    ago = np.where(
        online == "online", rng.uniform(0, interval_s, len(online)), rng.uniform(5, 400, len(online)) * interval_s
    )
    return {
        "online_status": online,
        "last_seen_at": [district.as_of - timedelta(seconds=round(s)) for s in ago.tolist()],
        "report_interval_s": interval_s,
    }


def make_level_stations(district: District, waters: Waters) -> DemoTable:
    """Return the table of level stations along the river and its creeks, more of them on longer ones."""
    rng = district.rng("level stations")
    ways = [w for w in waters.waterways if w.line.length > 180]
    number = shares(np.array([w.line.length for w in ways]), district.count("water_level_stations"))
    own = [w for w, n in zip(ways, number.tolist(), strict=True) for _ in range(n)]
    share = np.concatenate([(np.arange(n) + rng.uniform(0.3, 0.7)) / n for n in number.tolist() if n])
    points = shapely.line_interpolate_point(np.array([w.line for w in own], dtype=object), share, normalized=True)
    count = len(own)
    warning = np.round(district.terrain.elevation_m(shapely.get_coordinates(points)) - rng.uniform(0.8, 1.6, count), 2)
    kinds = {"river": "TT", "creek": "ZZ", "reservoir": "RR"}
    columns = {
        "name": [f"{w.name}{i + 1}号水位站" for i, w in enumerate(own)],
        "stcd": [f"8{district.code[2:]}{i:03d}" for i in range(count)],
        "station_type": [kinds[w.kind] for w in own],
        "river_name": [w.name for w in own],
        "water_system": f"{district.plan.river.name}水系",
        "basin": "珠江流域",
        "datum_name": "1985国家高程基准",
        "datum_elevation_m": 0.0,
        "datum_offset_m": 0.0,
        "vertical_datum": "1985",
        "warning_level_m": warning,
        "guarantee_level_m": np.round(warning + 0.5, 2),
        "historical_max_m": np.round(warning + rng.uniform(0.1, 1.2, count), 2),
        "data_grade": 1,
    }
    live = live_columns(district, pick(rng, count, ONLINE), 300, rng)
    return DemoTable(
        "water_level_stations", [f"{district.code}ZZ{i:03d}" for i in range(count)], points, columns | live
    )


def make_rain_gauges(district: District) -> DemoTable:
    """Return the table of rain gauges, evenly spread."""
    rng = district.rng("rain gauges")
    points = spread(district, district.count("rain_gauges"), rng)
    count = len(points)
    place = district.street_name_at(points)
    columns = {
        "name": [f"{p[:-2]}雨量站{i + 1}" for i, p in enumerate(place)],
        "stcd": [f"9{district.code[2:]}{i:03d}" for i in range(count)],
        "station_type": "PP",
        "river_name": district.plan.river.name,
        "water_system": f"{district.plan.river.name}水系",
        "basin": "珠江流域",
        "interval_min": 5,
        "data_grade": 1,
    }
    live = live_columns(district, pick(rng, count, ONLINE), 300, rng)
    return DemoTable(
        "rain_gauges", [f"{district.code}PP{i:03d}" for i in range(count)], shapely.points(points), columns | live
    )


def make_air_stations(district: District) -> DemoTable:
    """Return the table of air stations: one or two national ones, some of the city, many small ones."""
    rng = district.rng("air stations")
    points = spread(district, district.count("air_quality_stations"), rng)
    count = len(points)
    level = np.array(
        (["national"] * 2 + ["provincial", "city", "city", "district", "district"])[: count - 1] + ["micro"] * count
    )[:count]
    place = district.street_name_at(points)
    columns = {
        "name": [f"{p[:-2]}空气站{i + 1}" for i, p in enumerate(place)],
        "station_code": [f"{district.code}A{i:03d}" for i in range(count)],
        "station_level": level,
        "function_zone": np.where(district.terrain.hill(points) > 0.5, "1", "2"),
        "height_m": np.where(level == "micro", 4.0, np.round(rng.uniform(9, 22, count), 1)),
        "data_grade": 1,
    }
    live = live_columns(district, pick(rng, count, ONLINE), 300, rng)
    return DemoTable(
        "air_quality_stations",
        [f"{district.code}AQ{i:03d}" for i in range(count)],
        shapely.points(points),
        columns | live,
    )


def spread(district: District, count: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return points far from each other, chosen from candidates that are denser where people live."""
    weight = district.inhabited + 0.6 / len(district.inhabited)
    grid = rng.choice(len(weight), max(30 * count, 200), p=weight / weight.sum())
    candidates = district.grid_points[grid] + rng.normal(0, 30, (len(grid), 2))
    candidates = candidates[district.inside(candidates)]
    return candidates[farthest_points(candidates, count)]
