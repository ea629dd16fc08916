"""Points that keep away from each other."""

from __future__ import annotations

import numpy as np

from layers.types import Points, Positions


def farthest_points(candidates: Points, count: int, first: int = 0) -> Positions:
    """Choose points one by one, each time the candidate farthest from all chosen before.

    Parameters
    ----------
    candidates
        At least one point.
    count
        Number of points to choose.
    first
        Position of the point to begin with.

    Returns
    -------
    numpy.ndarray
        Shape (count,), positions in the candidates, in the order of the choice.
    """
    chosen, gap = [first], np.full(len(candidates), np.inf)
    for _ in range(count - 1):
        gap = np.minimum(gap, np.hypot(*(candidates - candidates[chosen[-1]]).T))
        chosen.append(int(np.argmax(gap)))
    return np.array(chosen)
