"""A cloudburst over the district, minute by minute: moving rain, creeks, flood points, pumps, and the recession.

A storm has its own minutes, which are shorter than the clock's in fast motion. Messages have the clock's time, and
each gives the rain of a minute of the storm; so sums over the reports are right at any speed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from math import cos, exp, radians, sin

import numpy as np

from twin.city.chance import between
from twin.city.district import CityDistrict, Thing
from twin.city.messages import CloudEvent
from twin.city.rainfall import Hyetograph, storm_formula
from twin.city.runoff import WORST_MIN, WORST_YEARS, Series, creek_rise_m, ponding_m
from twin.city.water import Rise, Water

LEAD_MIN = 8  # from the first warning to the first drop
_RECEDES_MIN_LEAST = 75
_CROSSES_SHARE = 0.25  # share of the storm's length in which it crosses the district
_EDGE_SHARE = 0.7  # share of the rain far from the track
_FADES_MIN = 15
_USUAL_DEPTH_M = 0.5
_RIVER_RISE = 0.3  # rise of the river relative to a creek
MINUTES_MIN, MINUTES_MAX, SPEED_MAX = 10, 360, 60.0  # faster, reports of two minutes would share a second


@dataclass(frozen=True, slots=True)
class StormPlan:
    """The parameters of a storm.

    Attributes
    ----------
    begins
        Second of the clock at which it begins, with the warning.
    minutes
        Duration of the rain at one place.
    speed
        Minutes of the storm per minute of the clock.
    """

    begins: int
    minutes: int = 60
    return_period_a: float = 100.0
    speed: float = 10.0

    def second(self, minute: float) -> int:
        """Return the second of the clock of a minute of the storm."""
        return self.begins + round(minute * 60 / self.speed)


class Storm:
    """A design storm over a district.

    Parameters
    ----------
    seed
        Seed of the city; the usual levels follow from it.
    """

    def __init__(self, district: CityDistrict, seed: int, plan: StormPlan) -> None:
        self.district, self.seed, self.plan = district, seed, plan
        self.water = Water(district, seed)
        self.hyetograph = Hyetograph(storm_formula(), plan.return_period_a, plan.minutes)
        self._wind_deg = between(0.0, 360.0, seed, "wind", plan.begins)

    @property
    def rains(self) -> tuple[int, int]:
        """The first and the last minute in which rain falls anywhere."""
        return LEAD_MIN, LEAD_MIN + self.plan.minutes + self._crossing_min

    @property
    def lasts_min(self) -> int:
        """Minutes from the warning to the end of the recession."""
        return self.rains[1] + max(_RECEDES_MIN_LEAST, self.plan.minutes)

    @property
    def _crossing_min(self) -> int:
        return round(self.plan.minutes * _CROSSES_SHARE)

    def share_and_delay(self, thing: Thing) -> tuple[float, float]:
        """Return a place's share of the rain, 0.7 to 1, and its delay in minutes after the first place."""
        turn = radians(self._wind_deg)
        along = thing.x_m * sin(turn) + thing.y_m * cos(turn)
        across = thing.x_m * cos(turn) - thing.y_m * sin(turn)
        reach_m = self._reach_m
        share = _EDGE_SHARE + (1 - _EDGE_SHARE) * exp(-((across / (0.6 * reach_m)) ** 2))
        return share, self._crossing_min * min(max((along / reach_m + 1) / 2, 0.0), 1.0)

    @cached_property
    def _reach_m(self) -> float:
        west, south, east, north = self.district.inner.bounds
        return float(max(east - west, north - south, 1000.0)) / 2

    def rain_mm(self, thing: Thing) -> Series:
        """Return the rain at a place in each minute of the storm, rounded to 0.01 mm as gauges do."""
        share, delay = self.share_and_delay(thing)
        begins = LEAD_MIN + delay
        fallen = [share * self.hyetograph.fallen_mm(minute - begins) for minute in range(self.lasts_min + 1)]
        rain: Series = np.round(np.diff(np.round(fallen, 2)), 2)
        return rain

    @cached_property
    def rises(self) -> dict[str, list[Rise]]:
        """The storm's addition at each station, gauge, flood point and pump, for each minute."""
        found = {}
        fade = np.clip((self.lasts_min - 1 - np.arange(self.lasts_min)) / _FADES_MIN, 0, 1)
        for thing in chain(self.water.stations, self.water.gauges, self.water.points, self.water.pumps):
            rain = self.rain_mm(thing)
            broad = _RIVER_RISE if thing.properties.get("station_type") == "TT" else 1.0
            level, depth = creek_rise_m(rain) * fade * broad, self._depth_m(thing, rain) * fade
            rows = zip(rain.tolist(), level.tolist(), depth.tolist(), strict=True)
            found[thing.id] = [Rise(*row) for row in rows]
        return found

    def _depth_m(self, point: Thing, rain: Series) -> Series:
        formula = self.hyetograph.formula
        drained_mm_h = formula.depth_mm(float(point.properties.get("drain_design_yr") or 2), 60) * 0.75
        worst = Hyetograph(formula, WORST_YEARS, WORST_MIN)
        worst_rain = np.diff([worst.fallen_mm(minute) for minute in range(round(WORST_MIN) + 1)])
        deepest_m = float(point.properties.get("historical_max_depth_m") or _USUAL_DEPTH_M)
        return ponding_m(rain, drained_mm_h, worst_rain, deepest_m)

    def deepest_m(self, minute: int) -> float:
        """Return the depth of the water at the worst flood point in a minute."""
        return max((self.rises[point.id][minute].depth_m for point in self.water.points), default=0.0)

    def falling_mm_h(self, minute: int) -> float:
        """Return the heaviest rain at any gauge in a minute, in mm/h."""
        return 60 * max((self.rises[gauge.id][minute].rain_mm for gauge in self.water.gauges), default=0.0)

    def phase(self, minute: int) -> str:
        """Return the phase of a minute: warning, rising, peak, easing or receding."""
        starts, ends = self.rains
        if minute < starts:
            return "warning"
        if minute >= ends:
            return "receding"
        peak = starts + self.plan.minutes * self.hyetograph.peak_share + self._crossing_min / 2
        if abs(minute - peak) <= max(6.0, self.plan.minutes * 0.15):
            return "peak"
        return "rising" if minute < peak else "easing"

    def measurements(self, minute: int) -> Iterator[CloudEvent]:
        """Yield the observations of a minute of the storm."""
        at_s = self.plan.second(minute + 1)
        water, rises = self.water, self.rises
        for gauge in water.gauges:
            yield from water.gauge(gauge, at_s, 1, rises[gauge.id][minute])
        for station in water.stations:
            yield from water.station(station, at_s, rises[station.id][minute])
        for point in water.points:
            yield from water.point(point, at_s, rises[point.id][minute])
        for pump in water.pumps:
            yield from water.pump(pump, at_s, rises[pump.id][minute])
