"""Places for poles, cameras and covers: along roads, at crossings, at village gates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from layers.demo.district.roads import Network
from layers.demo.randomness import shares
from layers.types import Points


@dataclass
class Sites:
    """Points with a direction and their road.

    Attributes
    ----------
    points
        Shape (n, 2), metres.
    azimuth_deg
        Shape (n,), clockwise from grid north, 0 to 360.
    road
        Shape (n,), position of the piece of road in the network.
    """

    points: Points
    azimuth_deg: NDArray[np.float64]
    road: NDArray[np.int64]

    def only(self, which: NDArray[np.int64] | NDArray[np.bool_]) -> Sites:
        """Return the sites at some positions, or where a mask is true."""
        return Sites(self.points[which], self.azimuth_deg[which], self.road[which])


def along_roads(
    network: Network, count: int, favour: Mapping[str, float], beside_m: float, rng: np.random.Generator
) -> Sites:
    """Return sites at even distances along roads, on alternating sides, more of them on some classes.

    Parameters
    ----------
    favour
        Weight of a metre of each road class; a missing class gets no sites.
    beside_m
        Distance from the kerb.
    """
    weight = network.length_m * np.array([favour.get(c, 0.0) for c in network.road_class.tolist()])
    number = shares(weight, count)
    road = np.repeat(np.arange(len(number)), number)
    place = np.arange(len(road)) - np.repeat(np.cumsum(number) - number, number)
    share = np.clip((place + 0.5) / number[road] + rng.normal(0, 0.04, len(road)) / number[road], 0.01, 0.99)
    side = np.where((place + road) % 2 == 0, 1.0, -1.0)
    here, direction = _on(network.lines[road], share)
    normal = np.column_stack([-direction[:, 1], direction[:, 0]])
    points = here + normal * (side * (network.width_m[road] / 2 + beside_m))[:, None]
    return Sites(points, azimuth_of(direction * -side[:, None]), road)


def at_crossings(network: Network, offset_m: float = 3.0) -> Sites:
    """Return the corner of every arm of every crossing; the azimuth is along the arm."""
    road = np.concatenate([np.arange(len(network.lines))] * 2)
    node = np.concatenate([network.ends[:, 0], network.ends[:, 1]])
    lines = np.concatenate([network.lines, shapely.reverse(network.lines)])
    back_m = np.minimum(shapely.length(lines) * 0.3, 9.0)
    here, direction = _on(lines, back_m / shapely.length(lines))
    normal = np.column_stack([direction[:, 1], -direction[:, 0]])
    points = here + normal * (network.width_m[road] / 2 + offset_m)[:, None]
    crossing = network.degree[node] >= 3
    return Sites(points, azimuth_of(direction), road).only(crossing)


def at_gates(network: Network, village: shapely.Geometry) -> Sites:
    """Return the places where roads enter a village; the azimuth is inwards."""
    tree = shapely.STRtree(network.lines)
    road = np.sort(tree.query(village.boundary, predicate="intersects"))
    points, own = shapely.get_coordinates(
        shapely.intersection(network.lines[road], village.boundary), return_index=True
    )
    inward = np.array(village.centroid.coords[0]) - points
    return Sites(points, azimuth_of(inward), road[own])


def azimuth_of(direction: Points) -> NDArray[np.float64]:
    """Return azimuths in degrees, clockwise from grid north, of directions as (east, north)."""
    return np.degrees(np.arctan2(direction[:, 0], direction[:, 1])) % 360


def _on(lines: NDArray[np.object_], share: NDArray[np.float64]) -> tuple[Points, Points]:
    """Return the points at a share of each line's length, and the unit directions of the lines there."""
    length = shapely.length(lines)
    along = share * length
    here = shapely.get_coordinates(shapely.line_interpolate_point(lines, along))
    before = shapely.get_coordinates(shapely.line_interpolate_point(lines, np.maximum(along - 1.5, 0)))
    after = shapely.get_coordinates(shapely.line_interpolate_point(lines, np.minimum(along + 1.5, length)))
    step = after - before
    return here, step / np.maximum(np.hypot(*step.T), 1e-9)[:, None]
