"""Which features of the left meet which of the right: in memory, in bulk, with an index over each batch.

Places are compared as they are stored, distances are found in the measuring plane and then measured on the ellipsoid.
An edge belongs to what it bounds; of areas that share their edges (grids, communities, streets, districts) a feature
belongs to one, the first by id, as in `/twin/locate`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import shapely

from layers.coordinates.crs import ELLIPSOID
from layers.coordinates.district_crs import to_degrees, to_metres
from layers.types import Geometries
from twin.joins.measure import Places

type JoinHow = Literal["within", "intersects", "nearest"]

COMPARED_MAX = 4_000_000
"""Pairs that are looked at together; they are two numbers each."""
MEASURED_MAX = 50_000
"""Pairs between which a line is drawn together."""
_SLACK = 1.002  # the plane's scale is off by less within a district; the ellipsoid decides


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
    """Pairs by their places in the batch of the left and on the right; distances or None."""

    left: Places
    right: Places
    distance_m: npt.NDArray[np.float64] | None

    def __len__(self) -> int:
        return len(self.left)

    @classmethod
    def together(cls, parts: Sequence[Pairs]) -> Pairs:
        """Return the pairs of all parts in the order of the left, then of the right."""
        left, right = (np.concatenate(some) for some in ([one.left for one in parts], [one.right for one in parts]))
        measured = [one.distance_m for one in parts if one.distance_m is not None]
        order = np.lexsort((right, left))
        return cls(left[order], right[order], np.concatenate(measured)[order] if measured else None)


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

    def pairs(self, left: Geometries) -> Iterator[Pairs]:
        """Yield the pairs of a batch of the left, part by part; a part may be empty.

        However many meet, a part comes from `COMPARED_MAX` pairs at most and has `MEASURED_MAX`, so whoever takes them
        bounds the memory and the time.
        """
        own = _measured(left) if self._rule.measures else left
        met = np.zeros(len(left), dtype=np.bool_)
        for left_at, right_at in self._candidates(own):
            for at in range(0, max(1, len(left_at)), MEASURED_MAX):
                some = slice(at, at + MEASURED_MAX)
                yield self._chosen(self._near(own, left_at[some], right_at[some]), met)

    def _candidates(self, left: Geometries) -> Iterator[tuple[Places, Places]]:
        """Yield pairs that may meet; of one of the left those with a lower place on the right come first."""
        reach = None if self._rule.within_m is None else self._rule.within_m * _SLACK
        if self._tree is not None:
            for some in _slices(len(left), len(self._right)):
                found = self._tree.query_nearest(left[some], max_distance=reach or None, all_matches=True)
                order = np.lexsort((found[1], found[0]))
                yield found[0][order] + some.start, found[1][order]
            return
        batch = shapely.STRtree(left)  # the right asks, because a prepared area answers many points at once
        predicate = "covers" if self._rule.how == "within" else "intersects"
        for some in _slices(len(self._right), len(left)):
            if reach is not None:
                found = batch.query(self._right[some], predicate="dwithin", distance=reach)
            else:
                found = batch.query(self._right[some], predicate=predicate)
            yield found[1], found[0] + some.start

    def _near(self, left: Geometries, left_at: Places, right_at: Places) -> Pairs:
        if not self._rule.measures:
            return Pairs(left_at, right_at, None)
        metres = _distances(left[left_at], self._right[right_at])
        if self._rule.within_m is None:
            return Pairs(left_at, right_at, metres)
        near = metres <= self._rule.within_m
        return Pairs(left_at[near], right_at[near], metres[near])

    def _chosen(self, pairs: Pairs, met: npt.NDArray[np.bool_]) -> Pairs:
        """Return all pairs, or one of each of the left that has not met any yet, and note that it has."""
        if not (self._rule.one_each or self._rule.how == "nearest"):
            return pairs
        _, first = np.unique(pairs.left, return_index=True)
        first = first[~met[pairs.left[first]]]
        met[pairs.left[first]] = True
        metres = None if pairs.distance_m is None else pairs.distance_m[first]
        return Pairs(pairs.left[first], pairs.right[first], metres)


def _slices(asking: int, asked: int) -> Iterator[slice]:
    """Yield slices of those that ask, so that each slice cannot find more than `COMPARED_MAX` pairs."""
    step = max(1, COMPARED_MAX // max(1, asked))
    return (slice(at, at + step) for at in range(0, asking, step))


def _measured(geometries: Geometries) -> Geometries:
    moved: Geometries = shapely.transform(geometries, to_metres)
    return moved


def _distances(one: Geometries, other: Geometries) -> npt.NDArray[np.float64]:
    """Return the metres on the ellipsoid between the nearest points of each pair, found in the plane."""
    ends = to_degrees(shapely.get_coordinates(shapely.shortest_line(one, other))).reshape(-1, 4)
    _, _, metres = ELLIPSOID.inv(ends[:, 0], ends[:, 1], ends[:, 2], ends[:, 3])
    return np.asarray(metres, np.float64)
