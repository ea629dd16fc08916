"""The air quality index (HJ 633), computed from a station's values in decimal numbers by the standard's table.

The index of an hour takes the hour's means of SO2, NO2, CO and O3. For dust the standard has only breakpoints of a
day: they are applied to the mean of 24 hours where the station sends it, else to that of the hour, as in the published
index of an hour. Above the last breakpoint of SO2 (1 h) and O3 (8 h) the table of 24 h and of 1 h counts; beyond the
end of the scale the index is 500.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from functools import cache
from itertools import pairwise

import yaml

from layers.definition import DEFINITIONS

LEVELS = {"6": 300, "5": 200, "4": 150, "3": 100, "2": 50}  # above; "1" otherwise
CLEAN = 50  # up to here no pollutant is the primary one


@dataclass(frozen=True, slots=True)
class PollutantSeries:
    """A station's series of a pollutant, and its row in the standard's table of breakpoints.

    Attributes
    ----------
    property_code
        Code of the observed property.
    pollutant, period_h
        The row of the standard's table.
    instead_of
        The series that it replaces where both are known; None for none.
    """

    property_code: str
    pollutant: str
    period_h: int
    instead_of: str | None = None


SERIES = (
    PollutantSeries("pm2_5", "pm2_5", 24),
    PollutantSeries("pm2_5_24h", "pm2_5", 24, instead_of="pm2_5"),
    PollutantSeries("pm10", "pm10", 24),
    PollutantSeries("pm10_24h", "pm10", 24, instead_of="pm10"),
    PollutantSeries("o3", "o3", 1),
    PollutantSeries("o3_8h", "o3", 8),
    PollutantSeries("no2", "no2", 1),
    PollutantSeries("so2", "so2", 1),
    PollutantSeries("so2_24h", "so2", 24),
    PollutantSeries("co", "co", 1),
)


@cache
def breakpoints() -> dict[tuple[str, int], tuple[tuple[Decimal, int], ...]]:
    """Return concentration and sub-index at each breakpoint, by pollutant and hours of the mean."""
    table = yaml.safe_load((DEFINITIONS / "standards" / "aqi_breakpoints.yaml").read_text(encoding="utf-8"))
    return {
        (row["pollutant"], row["period_h"]): tuple(
            (Decimal(str(bound)), index) for bound, index in zip(row["breakpoints"], table["iaqi"], strict=False)
        )
        for row in table["rows"]
    }


def sub_index(pollutant: str, period_h: int, value: float) -> int:
    """Return the sub-index of a concentration; beyond its table the last sub-index."""
    amount, steps = Decimal(str(value)), breakpoints()[pollutant, period_h]
    for (low, index_low), (high, index_high) in pairwise(steps):
        if amount <= high:
            share = (index_high - index_low) * (amount - low) / (high - low)
            return int((index_low + max(share, Decimal(0))).to_integral_value(ROUND_CEILING))
    return steps[-1][1]


def sub_index_sql(pollutant: str, period_h: int, value: str) -> str:
    """Return the SQL of the same over an expression of type double precision; null for null."""
    steps = breakpoints()[pollutant, period_h]
    cases = " ".join(
        f"WHEN {value} <= {high} THEN ceil({low_index} + {high_index - low_index} * "
        f"(greatest({value}, {low})::numeric - {low}) / {high - low})::integer"
        for (low, low_index), (high, high_index) in pairwise(steps)
    )
    return f"CASE WHEN {value} IS NULL THEN NULL {cases} ELSE {steps[-1][1]} END"
