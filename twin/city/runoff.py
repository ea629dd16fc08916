"""What becomes of rain: creeks that rise late and fall slowly, and water that stands where drains cannot take it.

Two linear reservoirs in a row for the creeks, one that fills above the drains' capacity for the low points: enough to
look right and to keep the balance of water, and no forecast of anything.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

type Series = npt.NDArray[np.float64]  # one value a minute

CREEK_LAG_MIN = 9.0
RISE_M_PER_MM_H = 0.017
_RUNOFF = 0.9  # share of the rain on roads that runs off
_DRAINED_IN_MIN = 28.0
WORST_YEARS, WORST_MIN = 100.0, 60.0  # the storm that the deepest water on record is taken for


def creek_flow(rain_mm: Series, lag_min: float = CREEK_LAG_MIN) -> Series:
    """Return what leaves two reservoirs in a row, in mm a minute; over a long time as much as fell."""
    flow = rain_mm
    for _ in range(2):
        share, kept, out = 1 / (1 + lag_min), 0.0, np.zeros_like(flow)
        for minute, fallen in enumerate(flow.tolist()):
            kept += fallen
            out[minute] = kept * share
            kept -= out[minute]
        flow = out
    return flow


def creek_rise_m(rain_mm: Series) -> Series:
    """Return how far a creek stands above its usual level."""
    rise: Series = creek_flow(rain_mm) * 60 * RISE_M_PER_MM_H
    return rise


def standing_mm(rain_mm: Series, drained_mm_h: float) -> Series:
    """Return what stands at a low point, in mm of rain that the drains could not take, minute by minute."""
    standing = np.zeros_like(rain_mm)
    now = 0.0
    for minute, fallen in enumerate((rain_mm * _RUNOFF - drained_mm_h / 60).tolist()):
        now = max(0.0, now + max(fallen, 0.0) - now / _DRAINED_IN_MIN)
        standing[minute] = now
    return standing


def ponding_m(rain_mm: Series, drained_mm_h: float, worst_rain_mm: Series, worst_depth_m: float) -> Series:
    """Return how deep the water stands at a flood point.

    Parameters
    ----------
    rain_mm
        Of each minute.
    drained_mm_h
        What the drains take.
    worst_rain_mm, worst_depth_m
        A storm, and how deep it makes the water there: the scale of everything else.
    """
    worst = float(standing_mm(worst_rain_mm, drained_mm_h).max(initial=0.0))
    if worst <= 0:
        return np.zeros_like(rain_mm)
    depth: Series = standing_mm(rain_mm, drained_mm_h) / worst * worst_depth_m
    return depth
