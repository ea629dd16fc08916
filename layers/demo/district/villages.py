"""Urban villages: irregular patches across grid borders, packed with small houses."""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray

from layers.demo.buildings.footprints import Footprints
from layers.demo.district.district import District
from layers.demo.district.water import Waters
from layers.demo.names import person_names
from layers.demo.randomness import pick, shares
from layers.demo.table import DemoTable
from layers.types import Points

HOUSE_SHARE = 0.36  # of all buildings
_LOT_M2 = 188.0  # a house with its share of alleys, roads and yards


def village_house_counts(district: District) -> NDArray[np.int64]:
    """Return the number of houses of each village."""
    own = _own(district)
    return shares(np.array([v.weight for v in own]), round(HOUSE_SHARE * district.count("buildings")), least=3)


def _own(district: District) -> list:  # type: ignore[type-arg]
    return list(district.plan.villages)[: district.count("urban_villages")]


def make_village_outlines(district: District, waters: Waters) -> NDArray[np.object_]:
    """Return the outlines, shape (villages,), in metres: a main part and often a second one near it."""
    rng = district.rng("village outlines")
    drawn: list[shapely.Geometry] = []
    land = shapely.difference(
        district.terrain.polygon.buffer(-8), shapely.union_all([w.surface for w in waters.waterways]).buffer(6)
    )
    for village, houses in zip(_own(district), village_house_counts(district), strict=True):
        radius = np.sqrt(houses * _LOT_M2 / np.pi)
        centre = district.terrain.at(village.at)
        main = _blob(centre, radius, rng)
        turn = rng.uniform(0, 2 * np.pi)
        second = _blob(centre + 1.5 * radius * np.array([np.cos(turn), np.sin(turn)]), radius * 0.45, rng)
        shape = shapely.intersection(shapely.union(main, second), land)
        if drawn:
            shape = shapely.difference(shape, shapely.union_all(drawn).buffer(30))
        parts = [p for p in shapely.get_parts(shape) if p.geom_type == "Polygon" and p.area > 0.06 * main.area]
        if parts:
            drawn.append(shapely.multipolygons(parts))
    return np.array(drawn, dtype=object)


def _blob(centre: Points, radius: float, rng: np.random.Generator) -> shapely.Polygon:
    """Return a ragged, elongated patch, with bays and corners like those of old field borders."""
    turn = np.linspace(0, 2 * np.pi, 36, endpoint=False)
    phase = rng.uniform(0, 2 * np.pi, 4)
    wobble = sum(a * np.sin(k * turn + p) for a, k, p in zip((0.2, 0.12, 0.09, 0.05), (2, 3, 5, 9), phase, strict=True))
    reach = radius * (1 + wobble) * (1 + rng.normal(0, 0.035, 36))
    return shapely.Polygon(centre + reach[:, None] * np.column_stack([np.cos(turn), np.sin(turn)]))


def lay_houses(outline: shapely.Geometry, rng: np.random.Generator) -> Footprints:
    """Pack a village with houses: crooked rows, narrow gaps, an alley every few rows and houses."""
    west, south, east, north = outline.bounds
    reach = np.hypot(east - west, north - south) / 2 + 20
    centre = np.array([(west + east) / 2, (south + north) / 2])
    angle = rng.uniform(-0.5, 0.5)
    rows = []
    y, row = -reach, 0
    while y < reach:
        depth = rng.uniform(8.5, 12.5)
        width = rng.uniform(7.5, 12.5, int(2 * reach / 9))
        gap = np.where(np.arange(len(width)) % 7 == 6, rng.uniform(2.2, 4.0), rng.uniform(0.9, 1.5, len(width)))
        x = -reach + rng.uniform(0, 10) + np.cumsum(width + gap) - width / 2
        rows.append(np.column_stack([x, np.full(len(x), y + depth / 2), width, depth * rng.uniform(0.86, 1.0, len(x))]))
        row += 1
        y += depth + (rng.uniform(2.6, 4.2) if row % 2 == 0 else rng.uniform(0.8, 1.3))
    lots = np.vstack(rows)
    x, y_all, width_m, depth_m = lots.T
    bend = 5.0 * np.sin(x / 47 + angle * 9) + 3.0 * np.sin(x / 23)
    slope = 5.0 / 47 * np.cos(x / 47 + angle * 9) + 3.0 / 23 * np.cos(x / 23)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    centres = np.column_stack([x, y_all + bend]) @ turn.T + centre
    kept = shapely.contains_xy(outline, centres) & (rng.random(len(x)) > 0.03)
    return Footprints(
        centres[kept],
        width_m[kept] * 0.97,
        depth_m[kept],
        angle + np.arctan(slope[kept]),
        np.full(int(kept.sum()), "rect"),
    )


def make_villages(district: District, outlines: NDArray[np.object_], houses: NDArray[np.int64]) -> DemoTable:
    """Return the table of villages; `houses` is the number of houses built in each."""
    rng, own = district.rng("villages"), _own(district)[: len(outlines)]
    count = len(own)
    rental = np.rint(houses * rng.uniform(0.7, 0.92, count)).astype(int)
    rooms = np.rint(rental * rng.uniform(9, 15, count)).astype(int)
    people = np.rint(rooms * rng.uniform(1.5, 2.1, count)).astype(int)
    return DemoTable(
        "urban_villages",
        [f"{district.code}UV{i + 1:03d}" for i in range(count)],
        outlines,
        {
            "name": [v.name for v in own],
            "village_code": [f"{district.code}UV{i + 1:03d}" for i in range(count)],
            "rental_building_count": rental,
            "rental_room_count": rooms,
            "population_total": people,
            "population_migrant": np.rint(people * rng.uniform(0.75, 0.93, count)).astype(int),
            "renewal_stage": pick(
                rng, count, {"none": 5, "planning": 5, "relocation": 2, "construction": 3, "done": 1}
            ),
            "risk_level": pick(rng, count, {"1": 2, "2": 6, "3": 5, "4": 2}),
            "fire_access_class": pick(rng, count, {"engine": 1, "small_engine": 4, "motorcycle": 6, "foot": 3}),
            "gate_count": rng.integers(4, 16, count),
            "place_code_count": rng.integers(120, 1400, count),
            "police_office": [f"{v.name}警务室（示例）" for v in own],
            "governance_lead": person_names(rng, count),
            "org_name": [f"{v.name}经济联社（示例）" for v in own],
            "data_grade": 2,
        },
    )
