"""Creeks from the hills to the river, the river itself, and reservoirs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from layers.demo.district.district import District
from layers.demo.names import person_names, phones
from layers.demo.table import DemoTable
from layers.types import Points

_STEP_M = 35.0
_LEAST_POINTS = 10  # of a creek


@dataclass
class Waterway:
    """A creek, the river or a reservoir: its centre line, in downstream direction, in metres."""

    id: str
    name: str
    kind: str
    line: shapely.LineString
    width_m: float
    downstream: str | None
    chainage_start_m: float
    surface: shapely.Polygon


@dataclass
class Waters:
    """All waters of a district, with their surfaces in one shape."""

    waterways: list[Waterway]

    def __post_init__(self) -> None:
        self._tree = shapely.STRtree([w.surface for w in self.waterways])

    def touches(self, shapes: NDArray[np.object_], margin_m: float) -> NDArray[np.bool_]:
        """Return which shapes touch water, or lie nearer to it than the margin."""
        near = np.zeros(len(shapes), dtype=bool)
        near[self._tree.query(shapes, predicate="dwithin", distance=margin_m)[0]] = True
        return near

    def of_kind(self, *kinds: str) -> list[Waterway]:
        """Return the waterways of some types."""
        return [w for w in self.waterways if w.kind in kinds]


def make_waters(district: District) -> Waters:
    """Return the river, the creeks into it, their branches, and the reservoirs."""
    rng = district.rng("water")
    river = _river(district)
    laid = [_creek(district, i, river, rng) for i in range(len(district.plan.creeks))]
    creeks = [creek for creek in laid if creek is not None]
    branches = [b for creek in creeks for b in _branches(district, creek, rng)]
    lakes = [_reservoir(district, i, [*creeks, river]) for i in range(len(district.plan.reservoirs))]
    return Waters([river, *creeks, *branches, *lakes])


def _river(district: District) -> Waterway:
    terrain, plan = district.terrain, district.plan.river
    middle = shapely.simplify(terrain.river_axis, 40).offset_curve(plan.width_m / 2, quad_segs=4)
    line = max(
        shapely.get_parts(shapely.line_merge(middle.intersection(terrain.polygon))), key=lambda part: part.length
    )
    if line.coords[0][0] > line.coords[-1][0]:
        line = line.reverse()
    line = shapely.LineString(_rounded_off(np.array(line.coords)))
    return Waterway(f"{district.code}W001", plan.name, "river", line, 2 * plan.width_m, None, 21_400.0, terrain.river)


def _creek(district: District, index: int, river: Waterway, rng: np.random.Generator) -> Waterway | None:
    """Return a creek that ends at the river or at the border; None if it misses the district."""
    plan, terrain = district.plan.creeks[index], district.terrain
    course = np.array([terrain.at(p) for p in plan.course])
    path = _meandering(course, 26 + plan.width_m, rng)
    path = path[_first_run(district.inside(path))]
    wet = shapely.contains_xy(terrain.river, path)
    dry = path[: int(np.argmax(wet))] if wet.any() else path
    if len(dry) < _LEAST_POINTS:
        return None
    end = shapely.Point(dry[-1])
    joins = river.line.distance(end) < 2 * river.width_m
    mouth = shapely.get_coordinates(river.line.interpolate(river.line.project(end)))
    line = shapely.LineString(np.vstack([dry, mouth]) if joins else dry)
    start = (0.0, 0.0, 350.0, 0.0, 1200.0)[index % 5]
    surface = _surface(line, plan.width_m).difference(terrain.river)
    into = river.id if joins else None
    return Waterway(f"{district.code}W{index + 2:03d}", plan.name, "creek", line, plan.width_m, into, start, surface)


def _branches(district: District, creek: Waterway, rng: np.random.Generator) -> list[Waterway]:
    """Return up to two smaller creeks that join from left and right, if the creek is long enough."""
    found: list[Waterway] = []
    for side, label in ((1, "左支涌"), (-1, "右支涌")):
        if creek.line.length < 3500 or rng.random() < 0.2:
            continue
        at = creek.line.length * rng.uniform(0.3, 0.7)
        joint, ahead = (np.array(creek.line.interpolate(at + step).coords[0]) for step in (0.0, 60.0))
        direction = (ahead - joint) / np.hypot(*(ahead - joint))
        away = np.array([-direction[1], direction[0]]) * side
        reach = rng.uniform(900, 1500)
        course = np.array(
            [
                joint + away * reach - direction * 0.8 * reach,
                joint + away * 0.5 * reach - direction * 0.25 * reach,
                joint,
            ]
        )
        path = _meandering(course, 22, rng)
        inside = district.inside(path)
        path = path[int(np.flatnonzero(~inside)[-1]) + 1 :] if not inside.all() else path
        if len(path) < _LEAST_POINTS:
            continue
        line = shapely.LineString(path)
        code = f"{creek.id}{'L' if side > 0 else 'R'}"
        found.append(Waterway(code, f"{creek.name}{label}", "creek", line, 7.0, creek.id, 0.0, _surface(line, 7.0)))
    return found


def _reservoir(district: District, index: int, others: list[Waterway]) -> Waterway:
    plan = district.plan.reservoirs[index]
    centre, r = district.terrain.at(plan.at), plan.radius_m
    turn = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    ragged = r * (0.8 + 0.13 * np.sin(3 * turn + index) + 0.07 * np.sin(7 * turn + 2 * index))
    lake = shapely.Polygon(centre + ragged[:, None] * np.column_stack([np.cos(turn), np.sin(turn)]))
    into = min(others, key=lambda w: w.line.distance(lake))
    half = np.array([0.1 * r, 0.55 * r])
    line = shapely.LineString([centre + half, centre, centre - half])
    return Waterway(f"{district.code}W9{index:02d}", plan.name, "reservoir", line, 1.2 * r, into.id, 0.0, lake)


def _meandering(course: Points, swing_m: float, rng: np.random.Generator) -> Points:
    """Return a smooth path through a few points that swings from side to side, less towards its ends."""
    smooth = _rounded_off(course, rounds=4)
    line = shapely.LineString(smooth)
    along = np.linspace(0, line.length, max(int(line.length / _STEP_M), 8))
    points = shapely.get_coordinates(shapely.line_interpolate_point(line, along))
    slope = np.gradient(points, axis=0)
    normal = np.column_stack([-slope[:, 1], slope[:, 0]]) / np.hypot(*slope.T)[:, None]
    phase = rng.uniform(0, 2 * np.pi, 3)
    swing = sum(
        a * np.sin(2 * np.pi * along / w + p) for a, w, p in zip((1.0, 0.7, 0.3), (1450, 760, 330), phase, strict=True)
    )
    fade = np.minimum(1, np.minimum(along, line.length - along) / 400)
    return points + normal * (swing_m * fade * swing)[:, None]  # type: ignore[no-any-return]


def _rounded_off(points: Points, rounds: int = 2) -> Points:
    """Cut the corners of a path by Chaikin's method; its ends stay."""
    for _ in range(rounds):
        near, far = 0.75 * points[:-1] + 0.25 * points[1:], 0.25 * points[:-1] + 0.75 * points[1:]
        points = np.vstack([points[:1], np.stack([near, far], axis=1).reshape(-1, 2), points[-1:]])
    return points


def _first_run(inside: NDArray[np.bool_]) -> slice:
    first = int(np.argmax(inside))
    last = first + int(np.argmin(inside[first:])) if not inside[first:].all() else len(inside)
    return slice(first, last)


def _surface(line: shapely.LineString, width_m: float) -> shapely.Polygon:
    return shapely.simplify(line.buffer(width_m / 2, quad_segs=2, cap_style="flat"), 0.3)


def make_waterways(district: District, waters: Waters) -> DemoTable:
    """Return the table of waterways."""
    rng, own = district.rng("waterways"), waters.waterways
    chiefs, numbers = person_names(rng, 3 * len(own)), phones(rng, 3 * len(own))
    return DemoTable(
        "waterways",
        [w.id for w in own],
        np.array([w.line for w in own], dtype=object),
        {
            "name": [w.name for w in own],
            "river_code": [f"HD{w.id}" for w in own],
            "waterway_type": [w.kind for w in own],
            "width_m": [round(w.width_m, 1) for w in own],
            "catchment_km2": [
                None if w.kind == "river" else round(w.line.length * w.width_m / 9000 + 0.4, 2) for w in own
            ],
            "chainage_start_m": [w.chainage_start_m for w in own],
            "flood_standard_yr": [200 if w.kind == "river" else 50 if w.width_m > 15 else 20 for w in own],
            "downstream_code": [w.downstream for w in own],
            "river_chief": [
                {
                    level: {"name": chiefs[3 * i + k], "phone": numbers[3 * i + k]}
                    for k, level in enumerate(("district", "street", "community"))
                }
                for i in range(len(own))
            ],
            "water_quality_target": [
                "III" if w.kind in {"river", "reservoir"} else "V" if w.width_m < 9 else "IV" for w in own
            ],
            "extent": district.geojson(np.array([w.surface for w in own], dtype=object)),
            "org_name": f"{district.plan.name}水务局（示例）",
            "data_grade": 1,
        },
    )
