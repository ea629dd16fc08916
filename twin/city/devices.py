"""Devices of the internet of things: each reports the measurement of its kind at its interval."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from twin.city.chance import smooth, unit
from twin.city.clock import DAY, HOUR, hour_of
from twin.city.district import CityDistrict, Thing
from twin.city.messages import CloudEvent, observation
from twin.city.schedule import Schedule
from twin.city.weather import humidity_pct, shower_mm, temperature_c, traffic

STRETCH_MAX = 2.5  # times the interval; after three intervals a device counts as silent
_IN_WATER = frozenset({"rain", "water_level", "water_depth"})
_BY_BATTERY = frozenset({"manhole", "smoke", "gas", "waste_bin", "parking", "tilt"})

type _Measure = Callable[[int, int, str], float]  # seed, second, id


def _is_dark(second: int) -> bool:
    return not 6.3 <= hour_of(second) < 18.6


_MEASURES: dict[str, tuple[str, str, int, _Measure]] = {  # kind: property, unit, decimals, value
    "smart_pole": ("power_w", "W", 0, lambda s, t, i: (240 if _is_dark(t) else 90) + 15 * smooth(s, t, HOUR, i)),
    "street_light": ("power_w", "W", 0, lambda s, t, i: (118 + 4 * smooth(s, t, HOUR, i)) if _is_dark(t) else 0.0),
    "noise": ("noise_db", "dB[SPL]", 1, lambda s, t, i: 48 + 18 * traffic(t) + 4 * smooth(s, t, 600, i)),
    "dust": ("pm10", "ug/m3", 0, lambda s, t, i: 45 + 25 * traffic(t) + 12 * smooth(s, t, HOUR, i)),
    "flow_count": ("people", "{person}", 0, lambda s, t, i: 10 + 160 * traffic(t) * (1.2 + smooth(s, t, 900, i))),
    "weather_micro": ("temperature_c", "Cel", 1, temperature_c),
    "water_level": ("level_m", "m", 2, lambda s, t, i: 3.2 + 0.25 * smooth(s, t, 6 * HOUR, i)),
    "water_depth": ("water_depth_m", "m", 2, lambda *_: 0.0),
    "water_quality": ("do", "mg/L", 2, lambda s, t, i: 5.2 + 1.1 * smooth(s, t, 8 * HOUR, i)),
    "rain": ("rain_mm", "mm", 2, lambda s, t, i: shower_mm(s, t, 5, i)),
    "gas": ("gas_lel_pct", "%", 1, lambda s, t, i: 0.4 + 0.4 * smooth(s, t, DAY, i)),
    "smoke": ("smoke_obs_pct", "%", 1, lambda s, t, i: 0.3 + 0.3 * smooth(s, t, DAY, i)),
    "electric_fire": ("leak_ma", "mA", 0, lambda s, t, i: 60 + 25 * smooth(s, t, 3 * HOUR, i)),
    "gallery_env": ("humidity_pct", "%", 0, humidity_pct),
    "parking": ("occupied", "1", 0, lambda s, t, i: float(unit(s, "car", i, t // 2400) < 0.35 + 0.5 * traffic(t))),
    "waste_bin": ("fill_pct", "%", 0, lambda s, t, i: 100 * ((t / (11 * HOUR) + unit(s, "bin", i)) % 1.0)),
    "tilt": ("tilt_deg", "deg", 2, lambda s, t, i: 0.12 + 0.06 * smooth(s, t, DAY, i)),
    "manhole": ("tilt_deg", "deg", 1, lambda s, t, i: 0.6 + 0.5 * smooth(s, t, DAY, i)),
}


class CityDevices:
    """The district's devices.

    Parameters
    ----------
    per_s
        Largest number of reports per second; above it intervals are stretched, up to `STRETCH_MAX`, and then some
        devices are left out.
    """

    def __init__(self, district: CityDistrict, seed: int, per_s: float) -> None:
        self._seed = seed
        able = [d for d in district.things("iot_devices") if d.properties.get("device_type") in _MEASURES]
        able.sort(key=lambda d: unit(seed, "device", d.id))
        wanted_per_s = sum(1 / _interval_s(d) for d in able)
        stretch = min(max(wanted_per_s / per_s, 1.0), STRETCH_MAX) if per_s else STRETCH_MAX
        kept: list[tuple[Thing, int]] = []
        load_per_s = 0.0
        for device in able:
            every_s = round(_interval_s(device) * stretch)
            load_per_s += 1 / every_s
            if load_per_s <= per_s:
                kept.append((device, every_s))
        self.schedule = Schedule(sorted(kept, key=lambda pair: pair[0].id), seed)

    @property
    def things(self) -> list[Thing]:
        """The devices that report."""
        return self.schedule.things

    def reports(self, second: int, *, is_storm: bool = False) -> Iterator[CloudEvent]:
        """Yield the observations of the devices that report in a second; in a storm devices in water are silent."""
        for device in self.schedule.at(second):
            kind = str(device.properties["device_type"])
            if is_storm and kind in _IN_WATER:
                continue
            code, unit_, decimals, measure = _MEASURES[kind]
            value = round(max(0.0, measure(self._seed, second, device.id)), decimals)
            yield observation("iot_devices", device.id, second, code, value, unit_)
            if kind in _BY_BATTERY and second % 4 == 0:
                left = 100 - 75 * ((second / (900 * DAY) + unit(self._seed, "battery", device.id)) % 1.0)
                yield observation("iot_devices", device.id, second, "battery_pct", round(left), "%")


def _interval_s(device: Thing) -> int:
    return max(int(device.properties.get("report_interval_s") or 300), 10)
