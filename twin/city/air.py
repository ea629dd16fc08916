"""Air quality stations: six pollutants and their index, every five minutes."""

from __future__ import annotations

from collections.abc import Iterator

from layers.air_index import CLEAN, sub_index
from twin.city.chance import between, smooth
from twin.city.clock import HOUR
from twin.city.district import Thing
from twin.city.messages import CloudEvent, observation, text_observation
from twin.city.weather import traffic

_MEANS = {  # mean, relative share of traffic, unit, decimals
    "pm2_5": (24.0, 0.5, "ug/m3", 0),
    "pm10": (43.0, 0.6, "ug/m3", 0),
    "so2": (6.0, 0.1, "ug/m3", 0),
    "no2": (30.0, 0.9, "ug/m3", 0),
    "o3": (75.0, -0.3, "ug/m3", 0),
    "co": (0.7, 0.4, "mg/m3", 1),
}
_HOURLY = {"so2": 1, "no2": 1, "o3": 1, "co": 1}  # hours of the mean; for dust the standard has only daily means


def reports(station: Thing, at_s: int, seed: int) -> Iterator[CloudEvent]:
    """Yield the observations of a station."""
    found = {code: _value(code, station, at_s, seed) for code in _MEANS}
    for code, value in found.items():
        yield observation("air_quality_stations", station.id, at_s, code, value, _MEANS[code][2])
    if station.properties.get("station_level") != "micro":  # a micro station has no index
        index = {code: sub_index(code, _HOURLY.get(code, 24), value) for code, value in found.items()}
        worst = max(index, key=lambda code: index[code])
        yield observation("air_quality_stations", station.id, at_s, "aqi", float(index[worst]), "1")
        primary = worst if index[worst] > CLEAN else "none"
        yield text_observation("air_quality_stations", station.id, at_s, "primary_pollutant", primary)


def _value(code: str, station: Thing, at_s: int, seed: int) -> float:
    mean, from_traffic, _, decimals = _MEANS[code]
    days = (
        1 + 0.35 * smooth(seed, at_s, 30 * HOUR, "air", "all") + 0.15 * smooth(seed, at_s, 2 * HOUR, code, station.id)
    )
    here = between(0.8, 1.2, seed, "air", station.id, code)
    return round(max(0.0, mean * here * days * (1 + from_traffic * (traffic(at_s) - 0.4))), decimals)
