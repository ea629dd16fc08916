"""The design storm: its depth by the city's storm intensity formula, and its course in time.

The formula gives the mean intensity of the heaviest interval of a duration. The Chicago method (Keifer and Chu) derives
a storm in which every interval about the peak has exactly that mean, so the whole storm has the formula's depth.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import log10
from pathlib import Path
from typing import Any

import yaml

import layers

_STANDARD = Path(layers.__file__).parent / "definitions" / "standards" / "storm_formula.yaml"
_MM_MIN = 0.006  # of one litre a second on a hectare
PEAK_SHARE = 0.4  # position of the peak in the storm


@dataclass(frozen=True, slots=True)
class StormFormula:
    """q = a (1 + c lg P) / (t + b)^n in L/(s·hm²); P in years, t in minutes.

    Attributes
    ----------
    standard_version
        The edition of the numbers; it accompanies every result.
    """

    a: float
    b: float
    c: float
    n: float
    standard: str
    standard_version: str

    def depth_mm(self, return_period_a: float, minutes: float) -> float:
        """Return the depth of the heaviest interval of a length, for a return period in years."""
        mean: float = self.a * (1 + self.c * log10(return_period_a)) / (minutes + self.b) ** self.n
        return mean * minutes * _MM_MIN


@cache
def storm_formula() -> StormFormula:
    """Return the formula of the district's city, from the tables of standards."""
    table: dict[str, Any] = yaml.safe_load(_STANDARD.read_text(encoding="utf-8"))
    return StormFormula(**{name: table[name] for name in ("a", "b", "c", "n", "standard", "standard_version")})


@dataclass(frozen=True, slots=True)
class Hyetograph:
    """A design storm in time.

    Attributes
    ----------
    minutes
        Duration of the rain.
    peak_share
        Position of the peak, 0 at the beginning and 1 at the end.
    """

    formula: StormFormula
    return_period_a: float
    minutes: float
    peak_share: float = PEAK_SHARE

    @property
    def total_mm(self) -> float:
        """Depth of the whole storm."""
        return self.formula.depth_mm(self.return_period_a, self.minutes)

    def fallen_mm(self, minute: float) -> float:
        """Return the depth fallen by a minute of the storm: 0 before it, `total_mm` after it."""
        if minute <= 0:
            return 0.0
        minute = min(minute, self.minutes)
        before, after = self.peak_share, 1 - self.peak_share
        peak = before * self.minutes
        if minute <= peak:
            to_come = before * self._depth((peak - minute) / before) if before else 0.0
            return before * self.total_mm - to_come
        return before * self.total_mm + after * self._depth((minute - peak) / after)

    def _depth(self, minutes: float) -> float:
        return self.formula.depth_mm(self.return_period_a, minutes)
