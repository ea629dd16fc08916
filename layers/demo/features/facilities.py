"""Water facilities along the creeks: pumps, sluices, dams, outfalls, ponds, lakes."""

from __future__ import annotations

from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from layers.demo.district.district import District
from layers.demo.district.water import Waters, Waterway
from layers.demo.names import person_names, phones
from layers.demo.randomness import pick
from layers.demo.table import DemoTable

_KINDS = {"pump": 9, "sluice": 7, "gate_dam": 2, "outfall": 4, "pond": 2, "lake": 1, "wwtp": 1}
_NOUN = {
    "pump": "泵站",
    "sluice": "水闸",
    "reservoir": "水库",
    "pond": "山塘",
    "lake": "人工湖",
    "gate_dam": "闸坝",
    "wwtp": "污水处理厂",
    "outfall": "排口",
}


def make_facilities(district: District, waters: Waters) -> DemoTable:
    """Return the table of facilities: a sluice and a pump at every mouth, the reservoirs, the rest along the creeks."""
    rng = district.rng("facilities")
    lakes, creeks = waters.of_kind("reservoir"), waters.of_kind("creek") or waters.of_kind("river")
    own_ids = {creek.id for creek in creeks}
    main = [creek for creek in creeks if creek.downstream not in own_ids]
    count = max(district.count("water_facilities"), 2 * len(main) + len(lakes))
    kinds = ["reservoir"] * len(lakes)
    points = [np.array(lake.line.centroid.coords[0]) for lake in lakes]
    own: list[Waterway] = list(lakes)
    for creek in main:
        for kind, before, side in (("sluice", 240, 0.0), ("pump", 275, 1.0)):
            kinds.append(kind)
            own.append(creek)
            points.append(_beside(creek, max(creek.line.length - before, 1.0), side * (creek.width_m / 2 + 9)))
    for kind in pick(rng, count - len(kinds), _KINDS).tolist():
        creek = creeks[int(rng.integers(len(creeks)))]
        away = 0.0 if kind in {"sluice", "gate_dam"} else (creek.width_m / 2 + rng.uniform(5, 25)) * rng.choice([-1, 1])
        kinds.append(kind)
        own.append(creek)
        points.append(_beside(creek, creek.line.length * rng.uniform(0.05, 0.9), away))
    return _facility_table(district, kinds, np.array(points), own, rng)


def _beside(way: Waterway, along_m: float, away_m: float) -> NDArray[np.float64]:
    """Return the point at a distance along a waterway and a distance to its left."""
    here, ahead = (np.array(way.line.interpolate(along_m + step).coords[0]) for step in (0.0, 5.0))
    direction = (ahead - here) / max(float(np.hypot(*(ahead - here))), 1e-6)
    return here + np.array([-direction[1], direction[0]]) * away_m


def _facility_table(
    district: District, kinds: list[str], points: NDArray[np.float64], own: list[Waterway], rng: np.random.Generator
) -> DemoTable:
    count = len(kinds)
    number: dict[str, int] = {}
    names = []
    for kind, way in zip(kinds, own, strict=True):
        stem = way.name if kind == "reservoir" else f"{way.name}{_NOUN[kind]}"
        number[stem] = number.get(stem, 0) + 1
        names.append(stem if number[stem] == 1 else f"{stem}（{number[stem]}号）")
    ground = district.terrain.elevation_m(points)
    chiefs, numbers = person_names(rng, count), phones(rng, count)
    columns: dict[str, Any] = {
        "name": names,
        "facility_type": kinds,
        "facility_code": [f"SL{district.code}{i:04d}" for i in range(count)],
        "scale_code": pick(rng, count, {"small_2": 5, "small_1": 4, "medium": 1}),
        "vertical_datum": "1985",
        "responsible": [{"name": n, "phone": p, "duty": "三防责任人"} for n, p in zip(chiefs, numbers, strict=True)],
        "org_name": f"{district.plan.name}水务设施管理所（示例）",
        "data_grade": 2,
    }
    return DemoTable(
        "water_facilities",
        [f"{district.code}WF{i:04d}" for i in range(count)],
        shapely.points(points),
        columns | _pump_and_gate(kinds, ground, rng) | _storage(district, kinds, ground),
    )


def _pump_and_gate(kinds: list[str], ground: NDArray[np.float64], rng: np.random.Generator) -> dict[str, Any]:
    kind = np.array(kinds)
    pump, gate = kind == "pump", np.isin(kind, ["sluice", "gate_dam"])
    pumps, gates = rng.integers(2, 7, len(kind)), rng.integers(1, 6, len(kind))
    flow = np.round(np.where(pump, pumps * rng.uniform(1.5, 4, len(kind)), gates * rng.uniform(8, 20, len(kind))), 1)
    return {
        "pump_count": only(pumps, pump),
        "design_flow_m3s": only(flow, pump | gate),
        "installed_kw": only(np.round(flow * 95), pump),
        "start_level_m": only(np.round(ground - 1.2, 2), pump),
        "stop_level_m": only(np.round(ground - 2.4, 2), pump),
        "gate_count": only(gates, gate),
        "gate_width_m": only(np.round(rng.uniform(3, 8, len(kind)), 1), gate),
        "sill_elevation_m": only(np.round(ground - 4.5, 2), gate),
    }


def _storage(district: District, kinds: list[str], ground: NDArray[np.float64]) -> dict[str, Any]:
    capacity = np.array(
        [r.capacity_1e4m3 for r in district.plan.reservoirs] + [6.5] * (len(kinds) - len(district.plan.reservoirs))
    )
    stores = np.isin(kinds, ["reservoir", "pond"])
    return {
        "total_capacity_1e4m3": only(capacity, stores),
        "normal_level_m": only(np.round(ground - 2, 2), stores),
        "flood_limit_level_m": only(np.round(ground - 2.6, 2), stores),
        "design_flood_level_m": only(np.round(ground - 1.1, 2), stores),
        "check_flood_level_m": only(np.round(ground - 0.6, 2), stores),
        "dam_height_m": only(np.round(4 + capacity / 12, 1), stores),
    }


def only(values: NDArray[Any], where: NDArray[np.bool_]) -> list[Any]:
    """Return values where they apply and None elsewhere."""
    return [v if w else None for v, w in zip(values.tolist(), where.tolist(), strict=True)]
