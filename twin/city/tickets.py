"""Tickets and cases: they appear by a daily rhythm at plausible places, and pass through the stages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Any

from twin.city.chance import between, pick, poisson, unit, whole
from twin.city.clock import DAY, MINUTE, day_of, day_starts, day_written, hour_of, written
from twin.city.district import CityDistrict
from twin.city.matters import GRIDS_OF_A_DISTRICT, LEAST_SHARE, MATTERS, PACE, SEVERITIES, SOURCES, due, expected
from twin.city.messages import CloudEvent, event
from twin.city.places import CityPlace, CityPlaces
from twin.city.stages import LIFE_MAX_S, REACHED_AT, StageStep, course

_LOOKS_BACK_S = LIFE_MAX_S + DAY
_DOUBLES = 0.05
_BY_PEOPLE = frozenset({"hotline", "grid_case", "public_report"})
_METHOD = {"hotline": "geocode", "enterprise_appeal": "geocode", "iot_alarm": "device", "video_ai": "device"}
_LEVELS = {"community": 50.0, "street": 40.0, "district": 10.0}


@dataclass(frozen=True)
class Ticket:
    """A case: its properties at the report, and its steps."""

    number: str
    properties: dict[str, Any]
    steps: tuple[StageStep, ...]

    def version(self, k: int) -> CloudEvent:
        """Return version k, from 0, with the whole state at that step."""
        data = dict(self.properties)
        for step in self.steps[: k + 1]:
            if step.stage in REACHED_AT:
                data[REACHED_AT[step.stage]] = written(step.at_s)
            elif step.stage == "returned":
                for field in ("handled_at", "verified_at"):
                    data.pop(field, None)
        step = self.steps[k]
        data["stage"] = step.stage
        verb = "created" if k == 0 else step.stage
        return event(self.number, k + 1, step.at_s, verb, data)


class Tickets:
    """All cases of the city.

    Parameters
    ----------
    rate
        Number of cases relative to a real district.
    """

    def __init__(self, district: CityDistrict, places: CityPlaces, seed: int, rate: float) -> None:
        self._code, self._places, self._seed = district.code, places, seed
        grids = len(district.features.get("grids") or ())
        self._share = max(grids / GRIDS_OF_A_DISTRICT, LEAST_SHARE) * rate
        self._born_until = self._sent_until = 0
        self._waiting: list[tuple[int, str, int, Ticket]] = []

    def changes(self, since: int, until: int) -> Iterator[CloudEvent]:
        """Yield every version of every case after `since` and up to `until`, in the order of time."""
        if since != self._sent_until:
            self._waiting, self._born_until = [], since - _LOOKS_BACK_S
        while (minute := self._born_until // MINUTE) * MINUTE < until:
            for ticket in self.born_in(minute, open_after=since):
                for k, step in enumerate(ticket.steps):
                    if step.at_s > since:
                        heappush(self._waiting, (step.at_s, ticket.number, k, ticket))
            self._born_until = (minute + 1) * MINUTE
        self._sent_until = until
        while self._waiting and self._waiting[0][0] <= until:
            _, _, k, ticket = heappop(self._waiting)
            yield ticket.version(k)

    def born_in(self, minute: int, open_after: int = 0) -> Iterator[Ticket]:
        """Yield the cases of a minute, with the duplicates that are reported later.

        Parameters
        ----------
        minute
            Minutes since 1970.
        open_after
            A second; cases that have ended by then are left out, which is quicker.
        """
        for source in SOURCES:
            mean = expected(source, minute * MINUTE, self._share)
            for k in range(poisson(mean, unit(self._seed, "cases", source, minute))):
                about = (source, minute, k)
                at_s = minute * MINUTE + whole(0, MINUTE - 1, self._seed, "second", *about)
                severity = pick(SEVERITIES, self._seed, "severity", *about)
                steps = course(at_s, PACE[severity] * _night(at_s), self._seed, *about)
                doubled = source in _BY_PEOPLE and unit(self._seed, "double", *about) < _DOUBLES
                if (steps[-1].at_s > open_after or doubled) and (place := self._places.of(source, at_s, *about)):
                    yield from self._tickets(at_s, place, steps, severity, about, doubled=doubled)

    def _tickets(
        self,
        at_s: int,
        place: CityPlace,
        steps: tuple[StageStep, ...],
        severity: str,
        about: tuple[object, ...],
        *,
        doubled: bool,
    ) -> Iterator[Ticket]:
        source = str(about[0])
        number = _number(source, at_s, about)
        fields = self._fields(source, at_s, place, severity, about)
        yield Ticket(number, fields, steps)
        if doubled:
            later = at_s + whole(4 * MINUTE, 40 * MINUTE, self._seed, "later", *about)
            other = self._places.beside(place, 25.0, "double", *about)
            double = self._fields("hotline", later, other, severity, about) | {
                "event_class": fields["event_class"],
                "event_class_code": fields["event_class_code"],
                "matter_code": fields["matter_code"],
                "title": fields["title"],
                "duplicate_of": number,
                "related_ids": [number],
            }
            steps = course(later, 0.6, self._seed, "double", *about, ends_merged=True)
            yield Ticket(_number("hotline", at_s, ("double", *about)), double, steps)

    def _fields(
        self, source: str, at_s: int, place: CityPlace, severity: str, about: tuple[object, ...]
    ) -> dict[str, Any]:
        weights = {code: matter.weight for code, matter in MATTERS.items()}
        matter = MATTERS[pick(weights, self._seed, "matter", *about)]
        by_device = source in {"iot_alarm", "video_ai"}
        title = f"{place.address}{matter.title}（示例）"
        limit_days = whole(2, 5, self._seed, "days", *about)
        fields = {
            "source": source,
            "title": title,
            "description": f"{title}，请尽快处理。合成数据，仅供演示。",
            "address": place.address,
            "lon": place.lonlat[0],
            "lat": place.lonlat[1],
            "location_method": _METHOD.get(source, "gps"),
            "location_accuracy_m": round(between(3, 40, self._seed, "accuracy", *about)),
            "event_class_code": f"{self._code}{matter.code}",
            "event_class": matter.code,
            "matter_code": matter.code,
            "severity": severity,
            "confidence": round(between(0.6, 0.99, self._seed, "sure", *about), 2) if by_device else 1.0,
            "level_current": pick(_LEVELS, self._seed, "level", *about),
            "occurred_at": written(at_s),
            "due_at": written(due(source, matter, severity, at_s, limit_days)),
            "lead_org": f"{place.street}办事处（示例）",
            "handler_id": place.worker,
            "device_ids": [place.device] if place.device else None,
            "extra": {"synthetic": True},
        }
        return {name: value for name, value in fields.items() if value is not None}


def _number(source: str, at_s: int, about: tuple[object, ...]) -> str:
    """Return the number of a case: source, day, and a part unique in the day; a duplicate has its original's."""
    of_day = (at_s - day_starts(day_of(at_s))) // MINUTE
    double = "D" if about[0] == "double" else ""
    origin = f"{SOURCES.index(str(about[1]))}" if double else ""
    return f"{source}-{day_written(at_s)}-L{of_day:04d}{double}{origin}{int(str(about[-1])):02d}"


def _night(at_s: int) -> float:
    """Return the factor of waits for a case that happens outside office hours."""
    return 1.0 if 8 <= hour_of(at_s) < 18 else 1.6
