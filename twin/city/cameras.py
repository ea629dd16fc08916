"""Outages of cameras: of single cameras, and now and then of a whole site without power."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from twin.city.chance import around, unit, whole
from twin.city.clock import DAY, HOUR, MINUTE, day_of, day_starts
from twin.city.district import CityDistrict, Thing
from twin.city.messages import CloudEvent, text_observation

FLAPS_A_DAY = 0.015
_SITES_A_DAY = 1.0  # in the whole district
_SITE_CAMERAS_MAX = 60
_OUTAGE_MAX_S = 10 * HOUR


@dataclass(frozen=True, slots=True)
class Outage:
    """An outage of a camera from one second to another, by a fault of its network, power or its own."""

    camera: str
    begins: int
    ends: int
    status: str


class Cameras:
    """The district's cameras.

    Parameters
    ----------
    most
        Largest number of cameras; chosen at random.
    """

    def __init__(self, district: CityDistrict, seed: int, most: int) -> None:
        self._seed = seed
        able = district.things("video_points")
        able.sort(key=lambda c: unit(seed, "camera", c.id))
        self.things = sorted(able[:most], key=lambda c: c.id)
        self._sites: dict[str, list[Thing]] = defaultdict(list)
        for camera in self.things:
            self._sites[str(camera.properties.get("area_code"))].append(camera)
        self.outages_of = lru_cache(maxsize=4)(self._outages_of)

    def changes(self, since: int, until: int) -> Iterator[CloudEvent]:
        """Yield the status changes of cameras after `since` and up to `until`."""
        for day in range(day_of(since) - 1, day_of(until) + 1):
            for outage in self.outages_of(day):
                if since < outage.begins <= until:
                    yield status(outage.camera, outage.begins, outage.status)
                if since < outage.ends <= until:
                    yield status(outage.camera, outage.ends, "online")

    def _outages_of(self, day: int) -> tuple[Outage, ...]:
        """Return the outages that begin on a day; a camera has at most one, which ends before the next may begin."""
        starts = day_starts(day)
        found: dict[str, Outage] = {}
        for site, cameras in sorted(self._sites.items()):
            if unit(self._seed, "site", site, day) < _SITES_A_DAY / len(self._sites):
                begins = starts + whole(0, DAY - _OUTAGE_MAX_S - 1, self._seed, "power", site, day)
                lasts_s = whole(8 * MINUTE, HOUR, self._seed, "power lasts", site, day)
                for camera in cameras[:_SITE_CAMERAS_MAX]:
                    late_s = whole(0, 20, self._seed, "late", camera.id, day)
                    found[camera.id] = Outage(camera.id, begins + late_s, begins + lasts_s + late_s, "offline")
        for camera in self.things:
            if camera.id not in found and unit(self._seed, "flap", camera.id, day) < FLAPS_A_DAY:
                begins = starts + whole(0, DAY - _OUTAGE_MAX_S - 1, self._seed, "flap at", camera.id, day)
                lasts_s = min(round(around(25 * MINUTE, 1.0, self._seed, "flap lasts", camera.id, day)), _OUTAGE_MAX_S)
                is_broken = unit(self._seed, "broken", camera.id, day) < 0.2
                found[camera.id] = Outage(camera.id, begins, begins + lasts_s, "fault" if is_broken else "offline")
        return tuple(found.values())


def status(camera: str, at_s: int, online_status: str) -> CloudEvent:
    """Return an observation of a camera's new status.

    It is an observation and not a change of the feature, so that no client has to read the layer again.
    """
    return text_observation("video_points", camera, at_s, "online_status", online_status)
