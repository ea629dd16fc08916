"""Runoff: creeks rise late and fall slowly, and water ponds where the drains are full.

The creeks are two linear reservoirs in series, a low point is one that fills above the drains' capacity: enough for a
plausible picture and a closed water balance, but no forecast.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

type Series = npt.NDArray[np.float64]  # one value per minute

CREEK_LAG_MIN = 9.0
RISE_M_PER_MM_H = 0.017
_RUNOFF = 0.9  # runoff coefficient of roads
_DRAINED_IN_MIN = 28.0
WORST_YEARS, WORST_MIN = 100.0, 60.0  # the storm assumed for the deepest water on record


def creek_flow(rain_mm: Series, lag_min: float = CREEK_LAG_MIN) -> Series:
    """Return the outflow of two reservoirs in series, in mm per minute; in the long run it equals the rain."""
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
    """Return the rise of a creek above its usual level."""
    rise: Series = creek_flow(rain_mm) * 60 * RISE_M_PER_MM_H
    return rise


def standing_mm(rain_mm: Series, drained_mm_h: float) -> Series:
    """Return the water at a low point, in mm of rain that the drains could not take, for each minute."""
    standing = np.zeros_like(rain_mm)
    now = 0.0
    for minute, fallen in enumerate((rain_mm * _RUNOFF - drained_mm_h / 60).tolist()):
        now = max(0.0, now + max(fallen, 0.0) - now / _DRAINED_IN_MIN)
        standing[minute] = now
    return standing


def ponding_m(rain_mm: Series, drained_mm_h: float, worst_rain_mm: Series, worst_depth_m: float) -> Series:
    """Return the depth of the water at a flood point for each minute.

    Parameters
    ----------
    rain_mm
        Rain of each minute.
    drained_mm_h
        Capacity of the drains.
    worst_rain_mm, worst_depth_m
        A storm and the depth it causes there: the scale of the result.
    """
    worst = float(standing_mm(worst_rain_mm, drained_mm_h).max(initial=0.0))
    if worst <= 0:
        return np.zeros_like(rain_mm)
    depth: Series = standing_mm(rain_mm, drained_mm_h) / worst * worst_depth_m
    return depth
