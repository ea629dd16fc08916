"""Flood risk points: underpasses and low roads near the creeks, village edges, garages."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import shapely
from numpy.typing import NDArray

from layers.demo.district.district import District
from layers.demo.district.roads import Network
from layers.demo.district.water import Waters
from layers.demo.names import person_names, phones
from layers.demo.randomness import pick
from layers.demo.scatter import farthest_points
from layers.demo.table import DemoTable

_NOUN = {
    "low_road": "低洼路段",
    "underpass": "下穿隧道",
    "metro_entrance": "地铁口",
    "underground_garage": "地下车库",
    "village": "村口低洼处",
    "construction": "工地",
}


def make_flood_points(district: District, network: Network, waters: Waters, facilities: DemoTable) -> DemoTable:
    """Return the table of flood risk points, at junctions near creeks: underpasses of main roads, and low lanes.

    The ids of cameras and sensors are written later, once these are placed.
    """
    rng = district.rng("flooding")
    chosen = _low_junctions(network, waters, district.count("flood_risk_points"))
    points, count = network.nodes[chosen], len(chosen)
    road = np.array([_road_at(network, int(k)) for k in chosen])
    kind = np.where(
        np.isin(network.road_class[road], ["expressway", "arterial"]),
        pick(rng, count, {"underpass": 5, "low_road": 3, "metro_entrance": 2}),
        pick(rng, count, {"low_road": 5, "village": 3, "underground_garage": 2, "construction": 1}),
    )
    pumps = [i for i, t in zip(facilities.ids, facilities.column("facility_type"), strict=True) if t == "pump"]
    pump_at = facilities.geometry[[t == "pump" for t in facilities.column("facility_type")]]
    nearest = shapely.STRtree(pump_at).nearest(shapely.points(points))
    depth = np.round(rng.uniform(0.25, 1.3, count), 2)
    people, numbers = person_names(rng, 2 * count), phones(rng, 2 * count)
    return DemoTable(
        "flood_risk_points",
        [f"{district.code}FR{i:03d}" for i in range(count)],
        shapely.points(points),
        {
            "name": [f"{network.name[r]}{_NOUN[k]}积水点" for r, k in zip(road, kind.tolist(), strict=True)],
            "point_code": [f"{district.code}FR{i:03d}" for i in range(count)],
            "risk_kind": kind,
            "risk_grade": np.where(depth > 0.8, "high", np.where(depth > 0.45, "medium", "low")),
            "extent": district.geojson(_pools(points, depth, rng)),
            "ground_elevation_m": np.round(district.terrain.elevation_m(points) - depth, 2),
            "vertical_datum": "1985",
            "drain_design_yr": rng.choice(np.array([1.0, 2.0, 3.0, 5.0]), count),
            "warn_depth_m": 0.15,
            "close_depth_m": np.where(kind == "underpass", 0.27, 0.4),
            "historical_max_depth_m": depth,
            "historical_date": [
                (district.as_of - timedelta(days=int(n))).date() for n in rng.integers(40, 2400, count)
            ],
            "nearest_pump_id": [pumps[k] for k in nearest],
            "sensor_ids": [None] * count,
            "camera_ids": [None] * count,
            "responsible_org": [f"{s}办事处（示例）" for s in district.street_name_at(points)],
            "responsible_persons": [
                [
                    {"role": "责任人", "name": people[2 * i], "phone": numbers[2 * i]},
                    {"role": "抢险布防责任人", "name": people[2 * i + 1], "phone": numbers[2 * i + 1]},
                ]
                for i in range(count)
            ],
            "plan_id": [f"{district.code}YDYC{i:03d}" for i in range(count)],
            "treatment_stage": pick(rng, count, {"none": 1, "planned": 2, "ongoing": 3, "done": 4, "monitoring": 2}),
            "data_grade": 1,
        },
    )


def _low_junctions(network: Network, waters: Waters, count: int) -> NDArray[np.int64]:
    creeks = shapely.STRtree([w.line for w in waters.of_kind("creek", "river")])
    nodes = shapely.points(network.nodes)
    reach = 150.0
    near = np.unique(creeks.query(nodes, predicate="dwithin", distance=reach)[0])
    while len(near) < 3 * count and reach < 20_000:  # a small demo has few junctions
        reach *= 2
        near = np.unique(creeks.query(nodes, predicate="dwithin", distance=reach)[0])
    return near[farthest_points(network.nodes[near], min(count, len(near)))]


def _road_at(network: Network, node: int) -> int:
    """Return the widest piece of road at a junction."""
    beside = np.flatnonzero((network.ends == node).any(axis=1))
    return int(beside[np.argmax(network.width_m[beside])])


def _pools(points: NDArray[np.float64], depth: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.object_]:
    turn = np.linspace(0, 2 * np.pi, 20, endpoint=False)
    reach = (14 + 30 * depth)[:, None] * rng.uniform(0.7, 1.1, (len(points), 20))
    ring = points[:, None, :] + reach[:, :, None] * np.column_stack([np.cos(turn), np.sin(turn)])
    return shapely.polygons(ring)  # type: ignore[no-any-return]
