"""The nearest of many points of interest to each of many points, by cells of a plane."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from layers.types import Points, Positions, Texts
from twin.join.metres import Lengths, MetrePoints, candidate_of, ranked

_NONE = np.iinfo(np.int64).max
_STRETCH = 1.02  # the plane stretches less than that within a thousand kilometres of its meridian
_AT_ONCE = 4096  # points whose candidates fit into the processor's cache


@dataclass(frozen=True, slots=True)
class _Cells:
    """Points sorted by square cells, row by row, so that three neighbours in a row are one range."""

    side_m: float
    origin_m: Points
    columns: int
    cell: Positions  # [m] ascending
    point: Positions  # [m] the point in the cell

    @classmethod
    def of(cls, xy_m: Points, side_m: float) -> _Cells:
        origin = xy_m.min(axis=0) - 2 * side_m if len(xy_m) else np.zeros(2)
        column, row = np.floor((xy_m - origin) / side_m).astype(np.int64).T
        columns = int(column.max(initial=0)) + 3  # two empty ones between the end of a row and the next
        cell = row * columns + column
        order = np.argsort(cell, kind="stable")
        return cls(side_m, origin, columns, cell[order], order)

    def around(self, xy_m: Points) -> tuple[Positions, Positions]:
        """Return pairs of each point `[n, 2]` with all in its cell and the eight around: all within `side_m`."""
        place = np.floor((xy_m - self.origin_m) / self.side_m)
        near = (place[:, 0] >= 1) & (place[:, 0] < self.columns - 1)
        column, row = np.where(near[:, None], place, -10).astype(np.int64).T
        middle = (row[:, None] + np.array([-1, 0, 1])) * self.columns + column[:, None]
        start = np.searchsorted(self.cell, middle - 1)
        count = np.searchsorted(self.cell, middle + 1, side="right") - start
        count[~near] = 0
        count = count.ravel()
        rows_of_pairs = np.repeat(np.repeat(np.arange(len(xy_m)), 3), count)
        first = np.repeat(start.ravel() - (np.cumsum(count) - count), count)
        return rows_of_pairs, self.point[first + np.arange(len(rows_of_pairs))]


@dataclass(frozen=True, slots=True)
class NearPoints:
    """Points of a layer at one moment.

    Attributes
    ----------
    ids
        `[m]` in the order of the C collation.
    xy_m
        `[m, 2]` in the measuring plane.
    within_m
        The reach, metres on the ground.
    """

    ids: Texts
    xy_m: Points
    within_m: float
    _cells: tuple[_Cells, ...]

    @classmethod
    def of(cls, ids: Texts, xy_m: Points, within_m: float, sides_m: Sequence[float] = ()) -> NearPoints:
        """Index points; smaller cells, with sides `sides_m` ascending, save work where points are dense."""
        sides = [*sides_m, within_m * _STRETCH]
        return cls(ids, xy_m, within_m, tuple(_Cells.of(xy_m, side) for side in sides))

    def nearest(self, points: MetrePoints, number: int) -> tuple[Positions, Lengths]:
        """Return the nearest for each of `n` points, by millimetres on the ground and then by id.

        Returns
        -------
        tuple
            `[n, number]` positions in `ids`, -1 where there are no more within reach; and their distances in metres.
        """
        found = np.full((len(points), number), _NONE)
        for start in range(0, len(points), _AT_ONCE):
            self._search(points, np.arange(start, min(start + _AT_ONCE, len(points))), found)
        missing = found == _NONE
        return np.where(missing, -1, candidate_of(found)), np.where(missing, np.nan, (found >> 32) / 1000)

    def _search(self, points: MetrePoints, rows: Positions, found: Positions) -> None:
        """Fill rows of `found` from ever larger cells, until no nearer point can be missing."""
        for cells in self._cells:
            best = self._best(cells, points.take(rows), found.shape[1])
            found[rows] = best.T
            rows = rows[best[-1] == _NONE]

    def _best(self, cells: _Cells, points: MetrePoints, number: int) -> Positions:
        """Return the ranks of the nearest within a cell's side of `n` points, `[number, n]`."""
        row, candidate = cells.around(points.xy_m)
        east_m = points.xy_m[:, 0][row] - self.xy_m[:, 0][candidate]
        north_m = points.xy_m[:, 1][row] - self.xy_m[:, 1][candidate]
        plane_m2 = east_m * east_m + north_m * north_m
        reach_m = min(self.within_m, cells.side_m / _STRETCH)
        near = plane_m2 <= ((reach_m * points.scale) ** 2)[row]
        row, candidate = row[near], candidate[near]
        rank = ranked(np.sqrt(plane_m2[near]) / points.scale[row], candidate)
        best = np.full((number, len(points)), _NONE)
        for nth in best:
            np.minimum.at(nth, row, rank)
            later = rank > nth[row]
            row, rank = row[later], rank[later]
        return best
