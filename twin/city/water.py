"""Levels of river and creeks, rain at the gauges, water at the flood points, and the pumps, on an ordinary day.

A storm adds to these values (`twin/city/storm.py`), which return to the ordinary ones when the water has gone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil

from twin.city.chance import between, smooth
from twin.city.clock import HOUR
from twin.city.district import CityDistrict, Thing
from twin.city.messages import CloudEvent, observation
from twin.city.weather import shower_mm, tide_m

EVERY_S = 300
USUALLY_BELOW_WARNING_M = 1.7
_CREEK_TIDE = 0.25  # tide of a creek relative to the river's
_PUMP_STARTS_M, _PUMP_FULL_M = 0.3, 1.3  # rise of the creek


@dataclass(frozen=True, slots=True)
class Rise:
    """The addition of a storm at one place and second; all zero on an ordinary day."""

    rain_mm: float = 0.0
    level_m: float = 0.0
    depth_m: float = 0.0


_NONE = Rise()


class Water:
    """The features of the district that measure or move water.

    Attributes
    ----------
    stations, gauges, points, pumps
        In the order of their ids.
    """

    def __init__(self, district: CityDistrict, seed: int) -> None:
        self._seed = seed
        self.stations = district.things("water_level_stations")
        self.gauges = district.things("rain_gauges")
        self.points = district.things("flood_risk_points")
        self.pumps = [f for f in district.things("water_facilities") if f.properties.get("facility_type") == "pump"]

    def station(self, station: Thing, at_s: int, rise: Rise = _NONE) -> Iterator[CloudEvent]:
        """Yield the level at a station, in metres above the datum in the station's own record."""
        level_m = self.usual_level_m(station, at_s) + rise.level_m
        yield observation("water_level_stations", station.id, at_s, "level_m", round(level_m, 2), "m")

    def usual_level_m(self, station: Thing, at_s: int) -> float:
        """Return the level of an ordinary day in metres: well below the warning, with the tide of the river."""
        share = 1.0 if station.properties.get("station_type") == "TT" else _CREEK_TIDE
        usual = float(station.properties.get("warning_level_m") or 5.0) - USUALLY_BELOW_WARNING_M
        return usual + share * 0.55 * tide_m(at_s) + 0.03 * smooth(self._seed, at_s, HOUR, "level", station.id)

    def gauge(self, gauge: Thing, at_s: int, minutes: int = 5, rise: Rise = _NONE) -> Iterator[CloudEvent]:
        """Yield the rain of the last `minutes`."""
        shower = 0.0 if rise.rain_mm else shower_mm(self._seed, at_s, minutes, gauge.id)
        interval = {"interval_min": minutes}
        yield observation("rain_gauges", gauge.id, at_s, "rain_mm", round(shower + rise.rain_mm, 2), "mm", **interval)

    def point(self, point: Thing, at_s: int, rise: Rise = _NONE) -> Iterator[CloudEvent]:
        """Yield the depth of the water at a flood point."""
        depth_m, source = round(rise.depth_m, 2), {"depth_source": "sensor"}
        yield observation("flood_risk_points", point.id, at_s, "water_depth_m", depth_m, "m", **source)

    def pump(self, pump: Thing, at_s: int, rise: Rise = _NONE) -> Iterator[CloudEvent]:
        """Yield the number of running pumps of a station, their flow and power, and the levels inside and outside."""
        count, flow, power = (
            float(pump.properties.get(name) or 0) for name in ("pump_count", "design_flow_m3s", "installed_kw")
        )
        running = pumps_running(int(count), rise.level_m)
        share = running / count if count else 0.0
        outside = 0.6 * tide_m(at_s) + between(4.5, 5.5, self._seed, "outside", pump.id)
        inside = between(4.2, 4.8, self._seed, "inside", pump.id) + rise.level_m
        for code, value, unit in (
            ("pumps_running", float(running), "{pump}"),
            ("flow_m3s", round(flow * share * 0.92, 2), "m3/s"),
            ("power_kw", round(power * share * 0.88, 1), "kW"),
            ("level_in_m", round(inside, 2), "m"),
            ("level_out_m", round(outside, 2), "m"),
        ):
            yield observation("water_facilities", pump.id, at_s, code, value, unit)


def pumps_running(count: int, rise_m: float) -> int:
    """Return the number of running pumps for a rise of the creek: none at first, then one after the other."""
    if rise_m < _PUMP_STARTS_M:
        return 0
    return min(count, ceil(count * (rise_m - _PUMP_STARTS_M) / (_PUMP_FULL_M - _PUMP_STARTS_M) + 1e-9))
