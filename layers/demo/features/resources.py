"""Emergency resources in suitable places: shelters in parks, depots by roads, hospitals and fire stations apart."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from layers.demo.buildings.addresses import addresses
from layers.demo.district.district import District
from layers.demo.district.roads import Network
from layers.demo.features.facilities import only
from layers.demo.features.placing import along_roads
from layers.demo.features.stations import spread
from layers.demo.names import person_names, phones
from layers.demo.randomness import pick, shares
from layers.demo.table import DemoTable

_KINDS = {
    "warehouse": 85,
    "team": 75,
    "shelter": 95,
    "hospital": 30,
    "fire_station": 40,
    "equipment": 35,
    "expert": 12,
    "transport": 16,
    "communication": 12,
}
_NOUN = {
    "warehouse": "应急物资仓库",
    "team": "抢险队",
    "shelter": "应急避难场所",
    "hospital": "医院",
    "fire_station": "消防站",
    "equipment": "大型装备点",
    "expert": "应急专家组",
    "transport": "应急运力点",
    "communication": "应急通信保障点",
}
_MATERIALS = (
    ("1010101", "帐篷", "顶"),
    ("1020203", "棉被", "床"),
    ("2030105", "移动水泵", "台"),
    ("2040302", "救生衣", "件"),
    ("3010204", "沙袋", "个"),
)


def make_resources(district: District, network: Network, land: NDArray[np.str_]) -> DemoTable:
    """Return the table of resources, with every kind at any scale."""
    rng = district.rng("resources")
    number = shares(np.array(list(_KINDS.values()), dtype=float), district.count("emergency_resources"), least=3)
    kind = np.repeat(list(_KINDS), number)
    points = np.vstack([_where(district, network, land, k, int(n), rng) for k, n in zip(_KINDS, number, strict=True)])
    count = len(kind)
    place = district.street_name_at(points)
    people, numbers = person_names(rng, count), phones(rng, 2 * count)
    columns: dict[str, Any] = {
        "name": [f"{p[:-2]}{_NOUN[k]}{i % 89 + 1}" for i, (p, k) in enumerate(zip(place, kind.tolist(), strict=True))],
        "address": addresses(district, network, points),
        "resource_type": kind,
        "availability": pick(rng, count, {"available": 84, "partly": 7, "deployed": 4, "maintenance": 3, "closed": 2}),
        "checked_at": [district.as_of - timedelta(hours=h) for h in rng.integers(4, 24 * 70, count).tolist()],
        "vertical_datum": only(np.full(count, "1985"), kind == "shelter"),
        "contact_name": people,
        "contact_phone": numbers[:count],
        "backup_phone": numbers[count:],
        "org_name": [f"{p}办事处（示例）" for p in place],
        "data_grade": np.where(np.isin(kind, ["shelter", "hospital", "fire_station"]), 1, 2),
    }
    columns |= (
        _stock(kind, rng)
        | _team(kind, rng)
        | _shelter(district, kind, points, rng)
        | _medical_and_fire(district, kind, points, rng)
    )
    return DemoTable(
        "emergency_resources", [f"{district.code}ER{i:05d}" for i in range(count)], shapely.points(points), columns
    )


def _where(
    district: District, network: Network, land: NDArray[np.str_], kind: str, count: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    if kind == "shelter":
        open_ground = np.flatnonzero(np.isin(land, ["park", "campus", "estate"]))
        weight = district.inhabited[open_ground] * np.where(land[open_ground] == "park", 6, 1)
        own = rng.choice(open_ground, count, p=weight / weight.sum())
        return district.grid_points[own] + rng.uniform(-6, 6, (count, 2))
    if kind in {"hospital", "fire_station"}:
        return spread(district, count, rng)
    weights = {"arterial": 1.0, "sub_arterial": 1.6, "branch": 0.5}
    places = along_roads(network, 2 * count + 8, weights, 24.0, rng)
    inside = np.flatnonzero(district.inside(places.points))
    return places.points[rng.choice(inside, count, replace=len(inside) < count)]


def _stock(kind: NDArray[np.str_], rng: np.random.Generator) -> dict[str, Any]:
    has = np.isin(kind, ["warehouse", "equipment"])
    main = rng.integers(0, len(_MATERIALS), len(kind))
    quantity = np.round(rng.lognormal(5.2, 0.9, len(kind)))
    free = np.floor(quantity * rng.uniform(0.6, 1.0, len(kind)))
    lists = [
        [
            {"material_code": code, "name": name, "unit": unit, "quantity": int(n)}
            for (code, name, unit), n in zip(_MATERIALS, row, strict=True)
        ]
        for row in rng.integers(20, 900, (len(kind), len(_MATERIALS))).tolist()
    ]
    return {
        "material_code": only(np.array([m[0] for m in _MATERIALS])[main], has),
        "unit": only(np.array([m[2] for m in _MATERIALS])[main], has),
        "quantity": only(quantity, has),
        "available_quantity": only(free, has),
        "stock": [stock if w else None for stock, w in zip(lists, (kind == "warehouse").tolist(), strict=True)],
    }


def _team(kind: NDArray[np.str_], rng: np.random.Generator) -> dict[str, Any]:
    is_team, count = kind == "team", len(kind)
    skills = np.array(["pumping", "water_rescue", "high_rise", "medical", "power", "gas", "road"])
    drawn = rng.choice(skills, (count, 2)).tolist()
    kinds = {"flood": 4, "fire": 2, "medical": 2, "utility": 3, "traffic": 1, "volunteer": 3, "militia": 2}
    return {
        "team_kind": only(pick(rng, count, kinds), is_team),
        "member_count": only(rng.integers(8, 60, count), is_team),
        "speciality_codes": [sorted(set(two)) if t else None for two, t in zip(drawn, is_team.tolist(), strict=True)],
        "standby_level": only(pick(rng, count, {"normal": 8, "enhanced": 2, "full": 1}), is_team),
        "eta_min": only(np.round(rng.uniform(5, 40, count)), is_team),
    }


def _shelter(
    district: District, kind: NDArray[np.str_], points: NDArray[np.float64], rng: np.random.Generator
) -> dict[str, Any]:
    is_shelter, count = kind == "shelter", len(kind)
    capacity = np.round(rng.lognormal(6.2, 0.7, count) / 10) * 10
    area = np.round(capacity * rng.uniform(1.2, 2.6, count))
    grounds = district.geojson(shapely.buffer(shapely.points(points), np.sqrt(area / np.pi) + 4, quad_segs=3))
    return {
        "shelter_level": only(pick(rng, count, {"emergency": 6, "short_term": 3, "long_term": 1}), is_shelter),
        "capacity_persons": only(capacity.astype(int), is_shelter),
        "current_persons": only(np.zeros(count, dtype=int), is_shelter),
        "is_open": only(rng.random(count) < 0.1, is_shelter),
        "indoor": only(rng.random(count) < 0.5, is_shelter),
        "barrier_free": only(rng.random(count) < 0.6, is_shelter),
        "effective_area_m2": only(area, is_shelter),
        "flood_safe_elevation_m": only(np.round(district.terrain.elevation_m(points) + 0.6, 2), is_shelter),
        "extent": [g if s else None for g, s in zip(grounds, is_shelter.tolist(), strict=True)],
    }


def _medical_and_fire(
    district: District, kind: NDArray[np.str_], points: NDArray[np.float64], rng: np.random.Generator
) -> dict[str, Any]:
    hospital, fire, count = kind == "hospital", kind == "fire_station", len(kind)
    level = pick(rng, count, {"3A": 3, "3B": 1, "2A": 3, "2B": 2, "1": 3, "unrated": 1})
    beds = np.where(np.char.startswith(level, "3"), rng.integers(600, 1800, count), rng.integers(40, 500, count))
    reach = district.geojson(shapely.buffer(shapely.points(points), 900, quad_segs=4))
    station = np.where(
        rng.random(count) < 0.6, "micro", pick(rng, count, {"first": 2, "second": 3, "small": 3, "special": 1})
    )
    return {
        "hospital_level": only(level, hospital),
        "beds_total": only(beds, hospital),
        "beds_free": only(np.floor(beds * rng.uniform(0.02, 0.2, count)).astype(int), hospital),
        "has_emergency": only(beds > 100, hospital),
        "has_helipad": only(beds > 1200, hospital),
        "station_kind": only(station, fire),
        "vehicle_count": only(
            np.where(station == "micro", 1, rng.integers(3, 12, count)), fire | (kind == "transport")
        ),
        "crew_on_duty": only(np.where(station == "micro", 6, rng.integers(12, 45, count)), fire),
        "response_area": [g if f else None for g, f in zip(reach, fire.tolist(), strict=True)],
    }
