"""The plan of a district before any geometry: codes, names and approximate places."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import shapely
import yaml
from pydantic import BaseModel, ConfigDict

from layers.demo.district.outline import DistrictOutline
from layers.demo.names import SURNAMES, TOWN_NAMES, road_names
from layers.demo.randomness import generator
from layers.demo.scatter import farthest_points

type LonLat = tuple[float, float]  # degrees of CRS84


_PLAN_FILES = {"440106": "tianhe.yaml"}  # by the code of the district


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class StreetPlan(_Frozen):
    """A street: nine-digit code, residents, and a point that must lie in it."""

    code: str
    name: str
    residents: int
    at: LonLat


class CentrePlan(_Frozen):
    """A centre with towers."""

    name: str
    at: LonLat
    height_m: float
    radius_m: float


class HillPlan(_Frozen):
    """A hill with forest, without inhabitants."""

    name: str
    at: LonLat
    radius_m: float


class VillagePlan(_Frozen):
    """An urban village and its share of the villages' buildings."""

    name: str
    at: LonLat
    weight: float


class CreekPlan(_Frozen):
    """A creek from its source to the river."""

    name: str
    width_m: float
    course: tuple[LonLat, ...]


class ReservoirPlan(_Frozen):
    """A reservoir, drawn as a round lake."""

    name: str
    at: LonLat
    radius_m: float
    capacity_1e4m3: float


class RiverPlan(_Frozen):
    """The river along the lower border, which is its middle line."""

    name: str
    width_m: float
    embankment_road: str


class DistrictPlan(_Frozen):
    """All inputs of the generators about a district besides its outline."""

    code: str
    name: str
    city_zh: str
    plate_prefix: str
    streets: tuple[StreetPlan, ...]
    centres: tuple[CentrePlan, ...]
    hills: tuple[HillPlan, ...]
    villages: tuple[VillagePlan, ...]
    creeks: tuple[CreekPlan, ...]
    reservoirs: tuple[ReservoirPlan, ...]
    river: RiverPlan
    road_names: tuple[str, ...]

    @property
    def short(self) -> str:
        """The name without 区, 市 or 县, for composed names."""
        return self.name[:-1] if len(self.name) > 2 else self.name


def plan_of(outline: DistrictOutline, seed: int) -> DistrictPlan:
    """Return the plan file of a district if it has one, else a plan invented from its outline.

    Parameters
    ----------
    outline
        Code, name and border in CRS84.
    seed
        The seed of the invented plan.
    """
    if outline.code in _PLAN_FILES:
        file = Path(__file__).parent / _PLAN_FILES[outline.code]
        return DistrictPlan.model_validate(yaml.safe_load(file.read_text(encoding="utf-8")))
    return _invent(outline, seed)


def _invent(outline: DistrictOutline, seed: int) -> DistrictPlan:
    rng = generator(seed, f"plan {outline.code}")
    names = [str(n) for n in rng.permutation(TOWN_NAMES)]
    streets = _spread(outline.polygon, 16, rng)
    core = streets[0]
    radius_m = float(np.sqrt(outline.polygon.area)) * 111_000 / 8
    villages = [streets[i % 16] for i in range(16)]
    clans = [str(n) for n in rng.permutation(SURNAMES)[:16]]
    return DistrictPlan(
        code=outline.code,
        name=outline.name,
        city_zh=outline.city,
        plate_prefix="粤" + "ABCDEFGHJKLMNPQRSTUVW"[int(outline.code[2:4]) % 21],
        streets=tuple(
            StreetPlan(code=f"{outline.code}{i + 1:03d}", name=f"{names[i]}街道", residents=int(n), at=at)
            for i, (at, n) in enumerate(zip(streets, rng.integers(40_000, 180_000, 16), strict=True))
        ),
        centres=tuple(
            CentrePlan(name=names[i], at=at, height_m=h, radius_m=radius_m * r)
            for i, (at, h, r) in enumerate(
                zip((core, *streets[1:4]), (120, 60, 45, 40), (0.6, 0.5, 0.5, 0.4), strict=True)
            )
        ),
        hills=tuple(
            HillPlan(name=f"{names[16 + i]}山", at=at, radius_m=radius_m) for i, at in enumerate(streets[12:15])
        ),
        villages=tuple(
            VillagePlan(name=f"{clan}村", at=_beside(at, rng), weight=float(rng.uniform(0.6, 1.8)))
            for clan, at in zip(clans, villages, strict=True)
        ),
        creeks=tuple(_creek(outline.polygon, f"{names[20 + i]}涌", i, rng) for i in range(5)),
        reservoirs=(ReservoirPlan(name=f"{names[25]}水库", at=streets[12], radius_m=200, capacity_1e4m3=120),),
        river=RiverPlan(name=f"{names[26]}江", width_m=160, embankment_road="滨江大道"),
        road_names=tuple(road_names(rng, 20)),
    )


def _spread(polygon: shapely.Polygon, count: int, rng: np.random.Generator) -> list[LonLat]:
    """Return points in a polygon that keep away from each other, chosen from many candidates."""
    west, south, east, north = polygon.bounds
    candidates = rng.uniform((west, south), (east, north), (40 * count, 2))
    inner = polygon.buffer(-0.004)
    candidates = candidates[shapely.contains_xy(polygon if inner.is_empty else inner, candidates)]
    central = int(np.argmin(np.hypot(*(candidates - np.array(polygon.centroid.coords[0])).T)))
    points = [_lonlat(candidates[i]) for i in farthest_points(candidates, min(count, len(candidates)), central)]
    return points + [points[0]] * (count - len(points))


def _beside(at: LonLat, rng: np.random.Generator) -> LonLat:
    return _lonlat(np.array(at) + rng.normal(0, 0.003, 2))


def _creek(polygon: shapely.Polygon, name: str, index: int, rng: np.random.Generator) -> CreekPlan:
    west, south, east, north = polygon.bounds
    share = (index + 0.5) / 5
    course = [
        (west + (east - west) * (share + rng.uniform(-0.05, 0.05)), north - (north - south) * y)
        for y in (0.3, 0.6, 1.0)
    ]
    return CreekPlan(name=name, width_m=float(rng.integers(8, 24)), course=tuple(_lonlat(p) for p in course))


def _lonlat(point: Sequence[float] | np.ndarray[Any, Any]) -> LonLat:
    return round(float(point[0]), 6), round(float(point[1]), 6)
