"""How one travels: the speed on each class of road, and the roads that are closed to this mode."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np

from layers.types import Mask, Texts
from twin.join.metres import Lengths

type TravelMode = Literal["car", "walk"]
MODES: tuple[TravelMode, ...] = get_args(TravelMode.__value__)
WALK_KMH = 4.5
CAR_KMH = {
    "motorway": 100.0,
    "expressway": 80.0,
    "arterial": 60.0,
    "sub_arterial": 50.0,
    "branch": 30.0,
    "residential": 20.0,
    "alley": 15.0,
}
"""Where a road has no limit of its own; CJJ 37-2012, table 3.2.1, the upper design speed of a class."""
UNCLASSED_KMH = 30.0
_CLOSED_TO = {"car": ("footway",), "walk": ("motorway", "expressway")}
_SLOWEST_KMH, _FASTEST_KMH = 1.0, 120.0


def speeds_ms(mode: TravelMode, road_class: Texts, limit_kmh: Lengths) -> Lengths:
    """Return the speed on each of `n` roads in metres a second.

    Parameters
    ----------
    road_class
        Codes of `road_class`; None where it is not known.
    limit_kmh
        Limits; NaN where there is none.
    """
    if mode == "walk":
        return np.full(len(road_class), WALK_KMH / 3.6)
    by_class = np.array([CAR_KMH.get(one, UNCLASSED_KMH) for one in road_class], dtype=np.float64)
    kmh = np.where(limit_kmh > 0, limit_kmh, by_class)
    return np.clip(kmh, _SLOWEST_KMH, _FASTEST_KMH) / 3.6


def fastest_ms(mode: TravelMode) -> float:
    """Return the speed, in metres a second, that no edge is faster than."""
    return (WALK_KMH if mode == "walk" else _FASTEST_KMH) / 3.6


def open_to(mode: TravelMode, road_class: Texts) -> Mask:
    """Return which of `n` roads may be travelled."""
    return np.array([one not in _CLOSED_TO[mode] for one in road_class], dtype=np.bool_)
