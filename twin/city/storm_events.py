"""Events of a storm: a burst of calls from around the flood points, and outages of cameras.

Alarms of sensors are not among them: the rules raise those from the measurements.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from math import hypot

from twin.city.cameras import status
from twin.city.chance import pick, poisson, unit, whole
from twin.city.clock import HOUR, day_written, written
from twin.city.district import Thing
from twin.city.messages import CloudEvent
from twin.city.places import CityPlace, CityPlaces
from twin.city.stages import StageStep
from twin.city.storm import Storm
from twin.city.tickets import Ticket

_CLASS, _TITLE = "0406", "道路积水"
_CALLS_A_MINUTE = 0.16  # from around one point, for half a metre of water
_POINTS_USUAL = 12  # with fewer points each has more calls
_CALLS_WITHIN_M = 150.0
_MERGED = 0.35
_DARK_FROM_M, _DARK_WITHIN_M, _DARK_MOST = 0.3, 120.0, 3  # cameras by the water
_POWER_WITHIN_M, _POWER_MOST, _POWER_MIN = 260.0, 40, 22
_TALK = {"水浸过半个车轮": 3.0, "行人无法通过": 2.0, "雨水井冒水": 2.0, "车辆熄火": 1.0, "商铺进水": 1.0}


@dataclass(frozen=True, slots=True)
class Spell:
    """An interval of minutes in which water stands above a bound."""

    thing: Thing
    begins: int
    ends: int


class StormEvents:
    """The events of a storm, by minute."""

    def __init__(self, storm: Storm) -> None:
        self.storm = storm
        self._places = CityPlaces(storm.district, None, (), storm.seed)
        self._last = storm.lasts_min - 1

    def messages(self, minute: int) -> list[CloudEvent]:
        """Return the messages of a minute."""
        return self._by_minute.get(minute, [])

    @cached_property
    def _by_minute(self) -> dict[int, list[CloudEvent]]:
        found: dict[int, list[CloudEvent]] = defaultdict(list)
        for minute, message in [*self._calls(), *self._cameras()]:
            found[minute].append(message)
        return found

    def spells(self, point: Thing, raises: float, clears: float) -> list[Spell]:
        """Return the spells of water at a flood point: each from `raises` metres until it is below `clears` metres."""
        found, begins = list[Spell](), None
        for minute, rise in enumerate(self.storm.rises[point.id]):
            if begins is None and rise.depth_m >= raises:
                begins = minute
            elif begins is not None and rise.depth_m < clears:
                found.append(Spell(point, begins, minute))
                begins = None
        return found

    def _depth_m(self, point: Thing, minute: int) -> float:
        return self.storm.rises[point.id][minute].depth_m

    def _calls(self) -> list[tuple[int, CloudEvent]]:
        """Return calls about the water, more where it is deeper; a part of the later ones are merged with the first."""
        found = []
        points = self.storm.water.points
        often = _CALLS_A_MINUTE * max(1.0, _POINTS_USUAL / max(len(points), 1))
        for point in points:
            first: str | None = None
            for minute in range(self._last - 20):
                mean = often * min(self._depth_m(point, minute), 1.0) / 0.5
                about = ("storm", self.storm.plan.begins, point.id, minute)
                for k in range(poisson(mean, unit(self.storm.seed, "calls", *about))):
                    ticket = self._ticket(point, minute, first, (*about, k))
                    first = first or ticket.number
                    minutes = self._minutes_of(ticket)
                    found += [(minutes[n], ticket.version(n)) for n in range(len(ticket.steps))]
        return found

    def _ticket(self, point: Thing, minute: int, first: str | None, about: tuple[object, ...]) -> Ticket:
        storm, seed = self.storm, self.storm.seed
        home = self._places.at(point, str(point.properties.get("name") or point.id))
        place = self._places.beside(home, _CALLS_WITHIN_M, *about)
        at_s = storm.plan.second(minute)
        is_double = first is not None and unit(seed, "merged", *about) < _MERGED
        number = f"hotline-{day_written(at_s, '%Y%m%d-%H%M%S')}-{point.id}-{about[-1]}"
        fields = self._fields(place, at_s, pick(_TALK, seed, "talk", *about), self._depth_m(point, minute))
        if is_double:
            fields |= {"duplicate_of": first, "related_ids": [first]}
        stages = ["collect", "file", "merged"]
        if not is_double:
            stages = ["collect", "file", "dispatch", "handle", "feedback", "verify", "closed"]
        dry = next((m for m in range(minute, self._last) if self._depth_m(point, m) < 0.05), self._last)
        steps, now = [], minute
        for k, stage in enumerate(stages):
            now += whole(1, 4, seed, "step", stage, *about) if k else 0
            if stage == "feedback":
                now = max(now, dry)
            now = min(now, self._last - len(stages) + k)
            steps.append(StageStep(stage, storm.plan.second(now)))
        return Ticket(number, fields, tuple(steps))

    def _fields(self, place: CityPlace, at_s: int, talk: str, depth_m: float) -> dict[str, object]:
        title = f"{place.address}{_TITLE}，{talk}（示例）"
        return {
            "source": "hotline",
            "title": title,
            "description": f"{title}，请尽快处理。合成数据，仅供演示。",
            "address": place.address,
            "lon": place.lonlat[0],
            "lat": place.lonlat[1],
            "location_method": "geocode",
            "location_accuracy_m": 30,
            "event_class": _CLASS,
            "event_class_code": f"{self.storm.district.code}{_CLASS}",
            "matter_code": _CLASS,
            "severity": "1" if depth_m > 0.5 else "2",
            "confidence": 0.9,
            "level_current": "street",
            "occurred_at": written(at_s),
            "due_at": written(at_s + 2 * HOUR),
            "lead_org": f"{place.street}办事处（示例）",
            "extra": {"synthetic": True, "storm": self.storm.plan.begins},
        }

    def _minutes_of(self, ticket: Ticket) -> list[int]:
        plan = self.storm.plan
        return [round((step.at_s - plan.begins) * plan.speed / 60) for step in ticket.steps]

    def _cameras(self) -> list[tuple[int, CloudEvent]]:
        """Return outages: of cameras by deep water until it has gone, and of the power around the deepest place."""
        storm = self.storm
        cameras = storm.district.things("video_points")
        dark: dict[str, tuple[int, int, str]] = {}
        spells = [s for p in storm.water.points for s in self.spells(p, _DARK_FROM_M, 0.08)]
        for spell in spells:
            for camera in _nearest(cameras, spell.thing, _DARK_WITHIN_M, _DARK_MOST):
                dark.setdefault(camera.id, (spell.begins, min(spell.ends, self._last), "fault"))
        if spells:
            worst = max(spells, key=lambda s: max(self._depth_m(s.thing, m) for m in range(s.begins, s.ends)))
            out = worst.begins + 6
            for camera in _nearest(cameras, worst.thing, _POWER_WITHIN_M, _POWER_MOST):
                dark.setdefault(camera.id, (out, min(out + _POWER_MIN, self._last), "offline"))
        found = []
        for camera_id, (begins, ends, how) in dark.items():
            found.append((begins, status(camera_id, storm.plan.second(begins), how)))
            found.append((ends, status(camera_id, storm.plan.second(ends), "online")))
        return found


def _nearest(things: list[Thing], centre: Thing, within_m: float, most: int) -> list[Thing]:
    far = [(hypot(t.x_m - centre.x_m, t.y_m - centre.y_m), t.id, t) for t in things]
    return [t for distance, _, t in sorted(far, key=lambda row: row[:2])[:most] if distance <= within_m]
