"""A district during generation: terrain, partition, and lookups for all generators."""

from __future__ import annotations

from datetime import datetime
from functools import cached_property

import numpy as np
import shapely
from numpy.typing import NDArray

from layers.demo.district.outline import DistrictOutline
from layers.demo.district.partition import Partition, make_partition
from layers.demo.district.plan import plan_of
from layers.demo.district.terrain import Terrain
from layers.demo.randomness import generator
from layers.types import Points

AT_SCALE_1 = {
    "communities": 230,
    "grids": 2360,
    "urban_villages": 16,
    "buildings": 30_000,
    "video_points": 60_000,
    "iot_devices": 50_000,
    "emergency_resources": 400,
    "grid_workers": 2400,
    "vehicles": 2000,
    "events": 400,
    "flood_risk_points": 26,
    "water_facilities": 44,
    "water_level_stations": 18,
    "rain_gauges": 16,
    "air_quality_stations": 22,
}
_AT_LEAST = {"urban_villages": 4, "emergency_resources": 27, "water_facilities": 16, "grid_workers": 5, "vehicles": 20}
_AT_MOST = {"urban_villages": 1.0}  # villages have real names, so a larger scale makes them larger, not more


class District:
    """Outline, plan, terrain and partition of one district, with the codes of its areas.

    Parameters
    ----------
    outline
        Code, name and border.
    scale
        Multiplier of all numbers of features; 1 for a district of two million people.
    seed
        The seed of all random streams.
    as_of
        The moment of the demo, with a time zone; live fields and events lie before it.
    """

    def __init__(self, outline: DistrictOutline, scale: float, seed: int, as_of: datetime) -> None:
        self.outline, self.scale, self.seed, self.as_of = outline, scale, seed, as_of
        self.plan = plan_of(outline, seed)
        self.code = self.plan.code
        self.terrain = Terrain(outline, self.plan)
        self.frame = self.terrain.frame
        communities = max(self.count("communities"), len(self.plan.streets))
        self.partition: Partition = make_partition(self.terrain, communities, self.count("grids"), seed)

    def count(self, layer: str) -> int:
        """Return the number of features of a layer."""
        scale = min(self.scale, _AT_MOST.get(layer, np.inf))
        return max(round(AT_SCALE_1[layer] * scale), _AT_LEAST.get(layer, 3))

    def rng(self, noun: str) -> np.random.Generator:
        """Return the random stream of one noun in this district."""
        return generator(self.seed, f"{noun} {self.code}")

    @cached_property
    def grid_points(self) -> Points:
        """A point in each grid, in metres."""
        return shapely.get_coordinates(shapely.point_on_surface(self.partition.faces))  # type: ignore[no-any-return]

    @cached_property
    def community_codes(self) -> list[str]:
        """The community code of each grid: street and three digits, in reading order."""
        codes = [""] * len(self.partition.faces)
        for number, street in enumerate(self.plan.streets):
            members = np.flatnonzero(self.partition.street == number)
            if len(members) == 0:  # a street can vanish when a small or ragged outline is cut into many
                continue
            own = np.unique(self.partition.community[members])
            grids = [members[self.partition.community[members] == c] for c in own]
            middle = np.array([self.grid_points[g].mean(axis=0) for g in grids])
            for place, k in enumerate(reading_order(middle)):
                for grid in grids[k]:
                    codes[grid] = f"{street.code}{place + 1:03d}"
        return codes

    @cached_property
    def grid_codes(self) -> list[str]:
        """The code of each grid: community and three digits, in reading order."""
        codes = [""] * len(self.partition.faces)
        community = np.array(self.community_codes)
        for code in np.unique(community):
            members = np.flatnonzero(community == code)
            for place, k in enumerate(reading_order(self.grid_points[members])):
                codes[members[k]] = f"{code}{place + 1:03d}"
        return codes

    @cached_property
    def _faces(self) -> shapely.STRtree:
        return shapely.STRtree(self.partition.faces)

    def grid_at(self, points: Points) -> NDArray[np.int64]:
        """Return the grid that holds each point, or the nearest one."""
        return self._faces.nearest(shapely.points(points))  # type: ignore[no-any-return]

    def street_name_at(self, points: Points) -> list[str]:
        """Return the name of the street that holds each point."""
        return [self.plan.streets[i].name for i in self.partition.street[self.grid_at(points)]]

    def inside(self, points: Points) -> NDArray[np.bool_]:
        """Return which points lie in the district, at least half a metre from its border."""
        return shapely.contains_xy(self._inner, points)  # type: ignore[no-any-return]

    @cached_property
    def _inner(self) -> shapely.Geometry:
        inner = self.terrain.polygon.buffer(-0.5)
        shapely.prepare(inner)
        return inner

    @cached_property
    def inhabited(self) -> NDArray[np.float64]:
        """The share of the people in each grid, shape (grids,); the sum is 1."""
        weight = self.terrain.density(self.grid_points) * shapely.area(self.partition.faces)
        return weight / weight.sum()  # type: ignore[no-any-return]

    def geojson(self, geometries: NDArray[np.object_]) -> list[dict[str, object]]:
        """Return geometries in metres as GeoJSON in CRS84, for fields that hold a second geometry."""
        return [shapely.geometry.mapping(g) for g in self.frame.degrees(np.asarray(geometries, dtype=object))]


def reading_order(points: Points) -> NDArray[np.int64]:
    """Return positions in reading order: bands from north to south, and from west to east within a band."""
    bands = max(1, round(np.sqrt(len(points))))
    north_first = np.argsort(-points[:, 1], kind="stable")
    return np.concatenate(
        [band[np.argsort(points[band, 0], kind="stable")] for band in np.array_split(north_first, bands)]
    )
