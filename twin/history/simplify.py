"""Simplification of tracks that keeps where something was at every time, not only where it passed.

Time-ratio Douglas-Peucker (Meratnia and de By, 2004): the distance that counts is between a vertex and the place that
the simplified track has at the same time. A stop is kept, although its vertices lie on the line.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from layers.types import Mask, Points


def kept_vertices(times_s: npt.NDArray[np.float64], metres: Points, tolerance_m: float) -> Mask:
    """Return which vertices of one unbroken track stay.

    Parameters
    ----------
    times_s
        `[n]` growing.
    metres
        `[n, 2]` in a measuring plane.
    tolerance_m
        The farthest that the simplified track is from a vertex at its time; 0 keeps all but those passed exactly.

    Returns
    -------
    Mask
        `[n]`; the first and the last one always stay.
    """
    kept = np.zeros(len(times_s), dtype=np.bool_)
    if not len(times_s):
        return kept
    kept[[0, -1]] = True
    open_pieces = [(0, len(times_s) - 1)]
    while open_pieces:
        first, last = open_pieces.pop()
        if last - first < 2:
            continue
        farthest, distance_m = _farthest(times_s, metres, first, last)
        if distance_m > tolerance_m:
            kept[farthest] = True
            open_pieces += [(first, farthest), (farthest, last)]
    return kept


def _farthest(times_s: npt.NDArray[np.float64], metres: Points, first: int, last: int) -> tuple[int, float]:
    """Return the vertex between two that is farthest from where they put it at its time, and how far."""
    inner = slice(first + 1, last)
    share = (times_s[inner] - times_s[first]) / max(times_s[last] - times_s[first], 1e-9)
    expected = metres[first] + share[:, None] * (metres[last] - metres[first])
    distances_m = np.hypot(*(metres[inner] - expected).T)
    found = int(distances_m.argmax())
    return first + 1 + found, float(distances_m[found])
