"""Which features of the left meet which of the right: in memory, in bulk, with an index over each batch.

Places are compared as they are stored, distances are found in the measuring plane and then measured on the ellipsoid.
An edge belongs to what it bounds; of areas that share their edges (grids, communities, streets, districts) a feature
belongs to one, the first by id, as in `/twin/locate`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import shapely
from pyproj import Geod

from layers.coordinates.district_crs import to_degrees, to_metres
from layers.types import Geometries
from twin.joins.measure import Places

type JoinHow = Literal["within", "intersects", "nearest"]

_SLACK = 1.002  # the plane's scale is off by less within a district; the ellipsoid decides
_CGCS2000 = Geod(ellps="GRS80")


@dataclass(frozen=True, slots=True)
class JoinRule:
    """How two layers meet.

    Attributes
    ----------
    within_m
        Metres on the ellipsoid at most; None for ``within`` and ``intersects`` without a distance, and for the nearest
        at any distance.
    one_each
        Whether a feature of the left meets one of the right only.
    """

    how: JoinHow
    within_m: float | None = None
    one_each: bool = False

    @property
    def measures(self) -> bool:
        """Whether pairs have a distance."""
        return self.how == "nearest" or self.within_m is not None


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pairs by their places in the batch of the left and on the right, in the order of both; distances or None."""

    left: Places
    right: Places
    distance_m: npt.NDArray[np.float64] | None


class Matcher:
    """The right side of a join.

    Parameters
    ----------
    geometries
        In degrees of CGCS2000, None where there is none.
    """

    def __init__(self, geometries: Geometries, rule: JoinRule) -> None:
        self._rule = rule
        self._right = _measured(geometries) if rule.measures else geometries
        shapely.prepare(self._right)
        self._tree = shapely.STRtree(self._right) if rule.how == "nearest" else None

    def pairs(self, left: Geometries) -> Pairs:
        """Return the pairs of a batch of the left."""
        own = _measured(left) if self._rule.measures else left
        left_at, right_at = self._candidates(own)
        if not self._rule.measures:
            return self._chosen(Pairs(left_at, right_at, None))
        metres = _distances(own[left_at], self._right[right_at])
        if self._rule.within_m is not None:
            near = metres <= self._rule.within_m
            left_at, right_at, metres = left_at[near], right_at[near], metres[near]
        return self._chosen(Pairs(left_at, right_at, metres))

    def _candidates(self, left: Geometries) -> tuple[Places, Places]:
        reach = None if self._rule.within_m is None else self._rule.within_m * _SLACK
        if self._tree is not None:
            found = self._tree.query_nearest(left, max_distance=reach or None, all_matches=True)
            return found[0], found[1]
        batch = shapely.STRtree(left)  # the right asks, because a prepared area answers many points at once
        if reach is not None:
            found = batch.query(self._right, predicate="dwithin", distance=reach)
        else:
            found = batch.query(self._right, predicate="covers" if self._rule.how == "within" else "intersects")
        return found[1], found[0]

    def _chosen(self, pairs: Pairs) -> Pairs:
        order = np.lexsort((pairs.right, pairs.left))
        if self._rule.one_each or self._rule.how == "nearest":
            _, first = np.unique(pairs.left[order], return_index=True)
            order = order[first]
        metres = None if pairs.distance_m is None else pairs.distance_m[order]
        return Pairs(pairs.left[order], pairs.right[order], metres)


def _measured(geometries: Geometries) -> Geometries:
    moved: Geometries = shapely.transform(geometries, to_metres)
    return moved


def _distances(one: Geometries, other: Geometries) -> npt.NDArray[np.float64]:
    """Return the metres on the ellipsoid between the nearest points of each pair, found in the plane."""
    ends = to_degrees(shapely.get_coordinates(shapely.shortest_line(one, other))).reshape(-1, 4)
    _, _, metres = _CGCS2000.inv(ends[:, 0], ends[:, 1], ends[:, 2], ends[:, 3])
    return np.asarray(metres, np.float64)
