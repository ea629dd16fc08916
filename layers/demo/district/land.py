"""The land use of grids: towers, housing estates, campuses, works, parks or forest, in coherent quarters."""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray

from layers.demo.district.district import District
from layers.types import Points

LAND_USE_CODE = {"towers": "B", "estate": "R", "campus": "A", "works": "M", "park": "G", "forest": "E", "water": "E"}


def make_land(district: District) -> NDArray[np.str_]:
    """Return the use of each grid, shape (grids,), a key of `LAND_USE_CODE`."""
    rng = district.rng("land")
    points = district.grid_points
    terrain = district.terrain
    chance = rng.random(len(points))
    height, hill = terrain.height_m(points), terrain.hill(points)
    use = np.full(len(points), "estate", dtype="<U8")
    use[_noise(points, 2300, rng) + 0.35 * chance > 1.08] = "campus"
    use[(_noise(points, 2900, rng) + 0.35 * chance > 1.0) & (height < 60)] = "works"
    use[(chance < 0.07) & (terrain.density(points) < 1.6)] = "park"
    use[(height > 85) & (chance > 0.08) | (height > 50) & (chance > 0.72)] = "towers"
    use[hill > 0.25 + 0.5 * chance] = "forest"
    wet = shapely.area(shapely.intersection(district.partition.faces, terrain.river))
    use[wet > 0.6 * shapely.area(district.partition.faces)] = "water"
    return use


def _noise(points: Points, wavelength_m: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return a smooth random field around 0.5, mostly between 0 and 1."""
    total = np.zeros(len(points))
    for turn in rng.uniform(0, np.pi, 5):
        along = points @ np.array([np.cos(turn), np.sin(turn)])
        total += np.sin(2 * np.pi * along / wavelength_m + rng.uniform(0, 2 * np.pi))
    return 0.5 + total / 6
