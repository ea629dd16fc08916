"""Addresses of the synthetic district: street, nearest road, number, and a word that marks them as synthetic."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import shapely

from layers.demo.district.district import District
from layers.demo.district.roads import Network
from layers.demo.table import DemoTable
from layers.types import Points


def addresses(district: District, network: Network, points: Points) -> list[str]:
    """Return an address for each point, with odd numbers on one side of a road and even ones on the other."""
    return _written(district, address_parts(district, network, points))


def _written(district: District, parts: Sequence[tuple[str, str, int]]) -> list[str]:
    place = f"{district.plan.city_zh}{district.plan.name}"
    return [f"{place}{street}{road}{number}号（示例）" for street, road, number in parts]


def address_parts(district: District, network: Network, points: Points) -> list[tuple[str, str, int]]:
    """Return the street, the road and the house number of each point."""
    lines = network.lines
    road = shapely.STRtree(lines).nearest(shapely.points(points))
    along = shapely.line_locate_point(lines[road], shapely.points(points))
    ahead = shapely.get_coordinates(shapely.line_interpolate_point(lines[road], along + 1.0))
    here = shapely.get_coordinates(shapely.line_interpolate_point(lines[road], along))
    step, away = ahead - here, points - here
    left = step[:, 0] * away[:, 1] > step[:, 1] * away[:, 0]
    number = 2 * np.floor(along / 12).astype(int) + np.where(left, 1, 2)
    streets = district.street_name_at(points)
    return list(zip(streets, network.name[road].tolist(), number.tolist(), strict=True))


def make_addresses(district: District, network: Network, points: Points) -> DemoTable:
    """Return the table of standard addresses, one for each building."""
    parts = address_parts(district, network, points)
    codes = [f"{district.code}AD{n:07d}" for n in range(len(parts))]
    columns: dict[str, Any] = {
        "name": [f"{road}{number}号" for _, road, number in parts],
        "address": _written(district, parts),
        "address_code": codes,
        "street_name": [street for street, _, _ in parts],
        "road_name": [road for _, road, _ in parts],
        "house_number": [str(number) for _, _, number in parts],
        "data_grade": 2,
    }
    return DemoTable("addresses", codes, shapely.points(points), columns)
