"""Buildings: packed in villages, in rows in blocks; never on a road, in water or on each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from layers.demo.buildings.blocks import Block, lay_block, make_blocks
from layers.demo.buildings.footprints import Footprints, concat_footprints
from layers.demo.district.district import District
from layers.demo.district.roads import Network
from layers.demo.district.villages import lay_houses, village_house_counts
from layers.demo.district.water import Waters
from layers.demo.randomness import pick
from layers.demo.table import DemoTable

_FLOOR_M = {"towers": 4.0, "podium": 5.0, "slender": 3.0, "estate": 3.0, "campus": 3.8, "works": 6.0, "village": 3.1}
_USAGE = {
    "towers": {"office": 5, "commercial": 3, "mixed": 2},
    "podium": {"commercial": 5, "public": 1, "office": 1},
    "slender": {"residential": 9, "mixed": 1},
    "estate": {"residential": 17, "mixed": 2, "commercial": 1},
    "campus": {"school": 7, "residential": 2, "public": 2, "hospital": 1},
    "works": {"industrial": 8, "office": 1, "temporary": 1},
    "park": {"public": 1},
    "forest": {"residential": 3, "public": 1, "temporary": 1},
    "village": {"residential": 10, "mixed": 5, "commercial": 1},
}


@dataclass
class Houses:
    """All buildings of a district before they become a table.

    Attributes
    ----------
    shapes
        Shape (n,), polygons in metres.
    centre
        Shape (n, 2), metres.
    style
        Shape (n,), a block style or ``village``.
    village
        Shape (n,), number of the village, -1 elsewhere.
    group
        Shape (n,), the grid or village of a house, so that neighbours look alike.
    """

    shapes: NDArray[np.object_]
    centre: NDArray[np.float64]
    style: NDArray[np.str_]
    village: NDArray[np.int64]
    group: NDArray[np.int64]


def make_houses(
    district: District, land: NDArray[np.str_], network: Network, waters: Waters, villages: NDArray[np.object_]
) -> Houses:
    """Return the houses of a district: those of the villages, then those of blocks around them, up to its count."""
    packed = _in_villages(district, network, waters, villages)
    built = _in_blocks(district, land, network, waters, villages, district.count("buildings") - len(packed.shapes))
    houses = Houses(
        *(
            np.concatenate([getattr(h, f) for h in (packed, built)])
            for f in ("shapes", "centre", "style", "village", "group")
        )
    )
    return _only(houses, _apart(houses.shapes))


def _in_villages(district: District, network: Network, waters: Waters, villages: NDArray[np.object_]) -> Houses:
    rng = district.rng("village houses")
    laid = [lay_houses(outline, rng) for outline in villages]
    prints = concat_footprints(laid)
    village = np.repeat(np.arange(len(villages)), [len(p) for p in laid])
    shapes = prints.polygons()
    free = (
        shapely.contains_properly(villages[village], shapes)
        & ~network.touches(shapes, 0.6)
        & ~waters.touches(shapes, 2.5)
    )
    kept: list[NDArray[np.int64]] = []
    for number, count in enumerate(village_house_counts(district)[: len(villages)]):
        own = np.flatnonzero(free & (village == number))
        centre = np.array(villages[number].centroid.coords[0])
        nearest = np.argsort(
            np.hypot(*(prints.centre[own] - centre).T) * rng.uniform(0.8, 1.0, len(own)), kind="stable"
        )
        kept.append(np.sort(own[nearest[: int(count)]]))
    which = np.concatenate(kept)
    return Houses(
        shapes[which], prints.centre[which], np.full(len(which), "village"), village[which], -1 - village[which]
    )


def _in_blocks(
    district: District,
    land: NDArray[np.str_],
    network: Network,
    waters: Waters,
    villages: NDArray[np.object_],
    count: int,
) -> Houses:
    rng = district.rng("block houses")
    wet = shapely.buffer([w.surface for w in waters.waterways], 9.5, quad_segs=2)
    taken = np.concatenate([network.wide(4.0), wet, shapely.buffer(villages, 9.5, quad_segs=2)])
    blocks, cores = make_blocks(district, land, taken, count)
    laid = [lay_block(block, rng) for block in blocks]
    prints = concat_footprints(laid)
    owner = np.repeat(np.arange(len(blocks)), [len(p) for p in laid])
    shapes = prints.polygons()
    shapely.prepare(cores)
    grid = np.array([b.grid for b in blocks])[owner]
    free = np.flatnonzero(shapely.contains_properly(cores[grid], shapes))
    free = free[~network.touches(shapes[free], 3.5)]
    which = _within_quota(free, owner, prints, blocks, count, rng)
    style = np.array([b.style for b in blocks])[owner[which]]
    return Houses(shapes[which], prints.centre[which], style, np.full(len(which), -1), grid[which])


def _within_quota(
    free: NDArray[np.int64],
    owner: NDArray[np.int64],
    prints: Footprints,
    blocks: list[Block],
    count: int,
    rng: np.random.Generator,
) -> NDArray[np.int64]:
    """Return the innermost free houses of each block up to its quota, `count` in all."""
    middle = np.array([b.centre for b in blocks])
    away = np.hypot(*(prints.centre[free] - middle[owner[free]]).T)
    order = np.lexsort((away, owner[free]))
    sorted_owner = owner[free][order]
    first = np.searchsorted(sorted_owner, sorted_owner)
    rank = np.arange(len(order)) - first
    quota = np.array([b.quota for b in blocks])[sorted_owner]
    late = rng.random(len(blocks))[sorted_owner]  # where too many houses fit, some blocks keep an open side
    priority = np.maximum(rank / quota, 0) + 0.6 * late * (rank > 0) + 10.0 * (rank >= quota)
    chosen = np.argsort(priority, kind="stable")[:count]
    return np.sort(free[order[chosen]])


def _apart(shapes: NDArray[np.object_]) -> NDArray[np.int64]:
    """Return the shapes that touch no earlier one."""
    a, b = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    return np.setdiff1d(np.arange(len(shapes)), np.maximum(a, b)[a != b])


def _only(houses: Houses, which: NDArray[np.int64]) -> Houses:
    return Houses(
        houses.shapes[which], houses.centre[which], houses.style[which], houses.village[which], houses.group[which]
    )


def floors_of(district: District, houses: Houses) -> NDArray[np.int64]:
    """Return the storeys of each building: alike within a block, many at the centres, three to eight in villages."""
    rng = district.rng("floors")
    count = len(houses.shapes)
    _, group = np.unique(houses.group, return_inverse=True)
    alike = rng.lognormal(0, 0.3, int(group.max()) + 1)[group]
    field = district.terrain.height_m(houses.centre)
    tall = field * alike * np.where(houses.style == "towers", rng.lognormal(0, 0.35, count), 1.0)
    storeys = {
        "towers": np.clip(tall / 4.0, 6, 103),
        "podium": np.clip(3 + 3 * alike, 3, 9),
        "slender": np.clip(tall * 0.62 / 3.0 + 8, 11, 52),
        "estate": np.clip(6 + 3 * (alike - 0.9) + field / 30, 5, 11),
        "campus": np.clip(4.5 * alike + rng.normal(0, 1, count), 2, 18),
        "works": np.clip(1.8 * alike, 1, 6),
        "park": np.ones(count),
        "forest": 1 + 2 * rng.random(count),
        "village": 3 + 5.6 * rng.random(count) ** 0.7,
    }
    floors = np.select([houses.style == s for s in storeys], list(storeys.values()))
    return np.maximum(np.rint(floors), 1).astype(np.int64)


def make_buildings(district: District, houses: Houses, addresses: Sequence[str], village_names: list[str]) -> DemoTable:
    """Return the table of buildings, each with its address."""
    rng = district.rng("buildings")
    count, style = len(houses.shapes), houses.style.tolist()
    floors = floors_of(district, houses)
    floor_m = np.array([_FLOOR_M.get(s, 3.2) for s in style]) * rng.uniform(0.96, 1.05, count)
    usage = _usages(houses.style, rng)
    rental = (houses.village >= 0) & (rng.random(count) < 0.83)
    rooms = np.where(
        rental, floors * rng.integers(2, 5, count), np.where(np.isin(usage, ["residential", "mixed"]), floors * 4, 0)
    )
    risk = np.where(
        houses.village >= 0,
        rng.choice(np.array(["2", "3", "4"]), count, p=[0.5, 0.4, 0.1]),
        rng.choice(np.array(["1", "2"]), count, p=[0.8, 0.2]),
    )
    place = [
        village_names[v] if v >= 0 else s
        for v, s in zip(houses.village.tolist(), district.street_name_at(houses.centre), strict=True)
    ]
    structure = np.where(
        floors > 9,
        "reinforced_concrete",
        np.where(houses.style == "works", "steel", np.where(houses.village >= 0, "mixed", "reinforced_concrete")),
    )
    codes = [f"{district.code}B{i:07d}" for i in range(count)]
    return DemoTable(
        "buildings",
        codes,
        houses.shapes,
        {
            "name": [
                f"{p}{_noun(u)}{i % 997 + 1}号" for i, (p, u) in enumerate(zip(place, usage.tolist(), strict=True))
            ],
            "address": addresses,
            "building_code": codes,
            "usage_code": usage,
            "height_m": np.round(floors * floor_m, 1),
            "floors_above": floors,
            "floors_below": np.where(houses.village >= 0, 0, np.clip(floors // 9, 0, 5)),
            "structure_code": structure,
            "built_year": np.where(
                houses.village >= 0, rng.integers(1985, 2012, count), rng.integers(1988, 2024, count)
            ),
            "base_elevation_m": np.round(district.terrain.elevation_m(houses.centre), 1),
            "vertical_datum": "1985",
            "is_rental": rental,
            "room_count": rooms,
            "population": np.rint(rooms * rng.uniform(1.2, 2.6, count)).astype(int),
            "fire_risk_level": risk,
            "hazard_codes": _hazards(risk, rng),
            "cim_level": np.where(floors > 30, "CIM3", "CIM2"),
            "data_grade": 2,
        },
    )


def _usages(style: NDArray[np.str_], rng: np.random.Generator) -> NDArray[np.str_]:
    usage = np.full(len(style), "residential", dtype="<U11")
    for name, choices in _USAGE.items():
        own = np.flatnonzero(style == name)
        usage[own] = pick(rng, len(own), choices)
    return usage


def _hazards(risk: NDArray[np.str_], rng: np.random.Generator) -> list[list[str] | None]:
    kinds = np.array(["electric", "gas", "fire_access", "illegal_addition", "structure", "three_in_one"])
    drawn = rng.choice(kinds, (len(risk), 2))
    return [sorted(set(two)) if r in {"3", "4"} else None for r, two in zip(risk.tolist(), drawn.tolist(), strict=True)]


def _noun(usage: str) -> str:
    return {
        "residential": "住宅", "commercial": "商铺", "office": "办公楼", "industrial": "厂房", "school": "教学楼",
        "hospital": "医院楼", "public": "公共建筑", "mixed": "商住楼", "temporary": "临时建筑",
    }[usage]  # fmt: skip


def at_walls(
    houses: Houses, which: NDArray[np.int64], rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return a place just outside a wall of each of some buildings, and the direction away from the wall.

    Returns
    -------
    tuple
        Points and unit directions, each of shape (n, 2), metres.
    """
    walls = shapely.get_exterior_ring(houses.shapes[which])
    along = rng.random(len(which)) * shapely.length(walls)
    here = shapely.get_coordinates(shapely.line_interpolate_point(walls, along))
    ahead = shapely.get_coordinates(shapely.line_interpolate_point(walls, along + 0.05))
    step = (ahead - here) / np.maximum(np.hypot(*(ahead - here).T), 1e-9)[:, None]
    away = np.column_stack([step[:, 1], -step[:, 0]])  # rings run counter-clockwise
    return here + 0.4 * away, away
