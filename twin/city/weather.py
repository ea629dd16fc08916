"""The weather of an ordinary day in the district: temperature, humidity, tide and showers; and its traffic."""

from __future__ import annotations

from math import pi, sin, tau

from twin.city.chance import smooth
from twin.city.clock import HOUR, MINUTE, hour_of

SHOWER_MM_H = 6.0
_TIDES = ((0.62, 12.4206, 0.0), (0.24, 12.0, 1.1), (0.33, 23.9345, 2.3), (0.28, 25.8193, 4.0))  # m, hours, phase


def tide_m(at_s: float) -> float:
    """Return the tide of the river above its mean in metres: the four main constituents of a lower estuary."""
    hours = at_s / HOUR
    return sum(height * sin(tau * hours / period + phase) for height, period, phase in _TIDES)


def shower_mm(seed: int, at_s: float, minutes: float, *about: object) -> float:
    """Return the rain of the minutes before a second: mostly 0, now and then a light shower."""
    cloud = smooth(seed, at_s, 3 * HOUR, "cloud") - 0.55 + 0.2 * smooth(seed, at_s, 20 * MINUTE, "cloud", *about)
    return max(0.0, cloud) * SHOWER_MM_H * minutes / 60 / 0.45


def temperature_c(seed: int, at_s: float, *about: object) -> float:
    """Return the air temperature: warmest at three in the afternoon."""
    daily = 4.0 * sin((hour_of(at_s) - 9) / 24 * 2 * pi)
    return 26.0 + daily + 2.0 * smooth(seed, at_s, 24 * HOUR, "warm") + 0.6 * smooth(seed, at_s, HOUR, "warm", *about)


def humidity_pct(seed: int, at_s: float, *about: object) -> float:
    """Return the relative humidity."""
    dryness = (temperature_c(seed, at_s) - 26.0) * 2.5
    return min(99.0, max(35.0, 74.0 - dryness + 8 * smooth(seed, at_s, 6 * HOUR, "damp", *about)))


def traffic(at_s: float) -> float:
    """Return the intensity of road traffic, 0 to 1."""
    hour = hour_of(at_s)
    rush = max(0.0, 1 - abs(hour - 8.5) / 1.8, 1 - abs(hour - 18.2) / 2.2)
    return min(1.0, (0.12 if hour < 6 or hour >= 23 else 0.5) + 0.5 * rush)
