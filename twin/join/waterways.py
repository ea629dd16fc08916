"""The nearest waterway of each of many points: the chainage along it, and the bank."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely

from layers.types import Geometries, Positions, Texts
from twin.join.metres import Lengths, MetrePoints, candidate_of, ranked

_PIECE_VERTICES = 8  # short pieces have small boxes: five times fewer distances
_NONE = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class Along:
    """Places along waterways, one for each of `n` points.

    Attributes
    ----------
    waterway
        Positions in `Waterways.ids`, -1 where none is within reach.
    chainage_m
        Metres downstream, to the centimetre; NaN for none.
    bank
        ``left``, ``right`` (looking downstream) or ``mid``; None for none.
    distance_m
        Metres on the ground to the centre line; NaN for none.
    """

    waterway: Positions
    chainage_m: Lengths
    bank: Texts
    distance_m: Lengths


@dataclass(frozen=True, slots=True)
class Waterways:
    """Centre lines at one moment.

    Attributes
    ----------
    ids
        `[m]` in the order of the C collation.
    lines
        `[m]` in the projected plane, digitised downstream.
    start_m, half_width_m
        `[m]` chainage of the first vertex, and half the width (at least half a metre).
    """

    ids: Texts
    lines: Geometries
    start_m: Lengths
    half_width_m: Lengths
    _pieces: shapely.STRtree
    _line_of_piece: Positions

    @classmethod
    def of(cls, ids: Texts, lines: Geometries, start_m: Lengths, half_width_m: Lengths) -> Waterways:
        """Return lines with their index."""
        pieces = [(piece, n) for n, line in enumerate(lines) for piece in _cut(line)]
        tree = shapely.STRtree([piece for piece, _ in pieces])
        return cls(ids, lines, start_m, half_width_m, tree, np.array([n for _, n in pieces], dtype=np.int64))

    def along(self, points: MetrePoints, within_m: float) -> Along:
        """Return the nearest waterway within metres on the ground; of two equally near ones the smaller id."""
        number = len(points)
        along = Along(
            np.full(number, -1), np.full(number, np.nan), np.full(number, None, dtype=object), np.full(number, np.nan)
        )
        places = shapely.points(points.xy_m)
        point, piece = self._pieces.query(places, predicate="dwithin", distance=points.reach_m(within_m))
        plane_m = shapely.distance(places[point], self._pieces.geometries[piece])
        near = plane_m <= within_m * points.scale[point]
        best = np.full(number, _NONE)
        np.minimum.at(best, point[near], ranked(plane_m[near], self._line_of_piece[piece[near]]))
        rows = np.flatnonzero(best != _NONE)
        along.waterway[rows] = candidate_of(best[rows])
        self._measure(along, rows, places, points)
        return along

    def _measure(self, along: Along, rows: Positions, places: Geometries, points: MetrePoints) -> None:
        waterway, place = along.waterway[rows], places[rows]
        line = self.lines[waterway]
        length_m, plane_m = shapely.length(line), shapely.distance(line, place)
        at_m = shapely.line_locate_point(line, place)
        behind = _point_at(line, np.maximum(at_m - np.minimum(length_m, 1), 0))
        ahead = _point_at(line, np.minimum(at_m + np.minimum(length_m, 1), length_m))
        flow, way = ahead - behind, points.xy_m[rows] - behind
        left = flow[:, 0] * way[:, 1] > flow[:, 1] * way[:, 0]
        bank = np.where(left, "left", "right").astype(object)
        bank[plane_m <= self.half_width_m[waterway]] = "mid"
        along.bank[rows] = bank
        along.chainage_m[rows] = np.round(self.start_m[waterway] + at_m, 2)
        along.distance_m[rows] = np.round(plane_m / points.scale[rows], 3)


def _cut(line: shapely.LineString) -> list[shapely.LineString]:
    xy = shapely.get_coordinates(line)
    return [shapely.LineString(xy[n : n + _PIECE_VERTICES + 1]) for n in range(0, len(xy) - 1, _PIECE_VERTICES)]


def _point_at(line: Geometries, distance_m: Lengths) -> Lengths:
    return np.asarray(shapely.get_coordinates(shapely.line_interpolate_point(line, distance_m)), dtype=np.float64)
