"""Addresses of the synthetic district: street, nearest road, number, and a word that marks them as synthetic."""

from __future__ import annotations

import numpy as np
import shapely

from layers.demo.district.district import District
from layers.demo.district.roads import Network
from layers.types import Points


def addresses(district: District, network: Network, points: Points) -> list[str]:
    """Return an address for each point, with odd numbers on one side of a road and even ones on the other."""
    lines = network.lines
    road = shapely.STRtree(lines).nearest(shapely.points(points))
    along = shapely.line_locate_point(lines[road], shapely.points(points))
    ahead = shapely.get_coordinates(shapely.line_interpolate_point(lines[road], along + 1.0))
    here = shapely.get_coordinates(shapely.line_interpolate_point(lines[road], along))
    step, away = ahead - here, points - here
    left = step[:, 0] * away[:, 1] > step[:, 1] * away[:, 0]
    number = 2 * np.floor(along / 12).astype(int) + np.where(left, 1, 2)
    place = f"{district.plan.city_zh}{district.plan.name}"
    return [
        f"{place}{street}{name}{n}号（示例）"
        for street, name, n in zip(
            district.street_name_at(points), network.name[road].tolist(), number.tolist(), strict=True
        )
    ]
