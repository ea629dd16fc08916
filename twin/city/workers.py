"""Grid workers: on duty in shifts, each walking in its own grid with stops."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from math import atan2, degrees, hypot
from typing import Any

import shapely
from shapely.geometry.base import BaseGeometry

from twin.city.chance import between, unit, whole
from twin.city.clock import DAY, HOUR, MINUTE, day_of, day_starts, written
from twin.city.district import CityDistrict, Thing
from twin.city.messages import CloudEvent, patch, position

SPEED_MAX_KMH = 5.5
REPORTS_EVERY_S = 30
_FROM_BORDER_M = 3.0
_PLACES, _TRIES = 7, 14
_DAY_SHIFT, _NIGHT_SHIFT = 0.74, 0.12  # shares of workers; the others are off duty that day
_LATE_S = 12 * MINUTE
_MS = 1 / 3.6


@dataclass(frozen=True, slots=True)
class _Walk:
    """A walk there and back: parts that begin at `begins` seconds, each from one place to the next."""

    begins: tuple[float, ...]
    places: tuple[tuple[float, float], ...]
    speed_ms: float
    lasts_s: float


class Workers:
    """Grid workers of the district that are on duty by turns.

    Parameters
    ----------
    most
        Largest number of workers; chosen at random among those whose grid is known.
    """

    def __init__(self, district: CityDistrict, seed: int, most: int) -> None:
        self._plane, self._seed = district.plane, seed
        grids = {f["properties"]["grid_code"]: f["geometry"] for f in district.features.get("grids") or ()}
        able = [w for w in district.things("grid_workers") if self.grid_of(w) in grids]
        able.sort(key=lambda w: unit(seed, "worker", w.id))
        self.things = sorted(able[:most], key=lambda w: w.id)
        self.by_grid = {self.grid_of(w): w for w in self.things}
        inner = district.inner
        self._ground = {w.id: _ground(district.metres(grids[self.grid_of(w)]), inner) for w in self.things}
        self._walk = lru_cache(2 * len(self.things) + 1)(self._plan)

    @staticmethod
    def grid_of(worker: Thing) -> str:
        """Return the code of a worker's grid."""
        return str((worker.properties.get("grid_codes") or [""])[0])

    def reports(self, second: int) -> Iterator[CloudEvent]:
        """Yield the positions of the workers on duty that report in a second."""
        for phase, worker in enumerate(self.things):
            if (second + phase) % REPORTS_EVERY_S == 0 and (message := self.position(worker, second)):
                yield message

    def changes(self, since: int, until: int) -> Iterator[CloudEvent]:
        """Yield the beginnings and ends of shifts after `since` and up to `until`."""
        for worker in self.things:
            for day in range(day_of(since) - 1, day_of(until) + 1):
                shift = self._shift(worker, day)
                if shift is None:
                    continue
                duty = {"duty_from": written(shift[0]), "duty_to": written(shift[1])}
                if since < shift[0] <= until:
                    yield patch("grid_workers", worker.id, shift[0], on_duty=True, **duty)
                if since < shift[1] <= until:
                    yield patch("grid_workers", worker.id, shift[1], on_duty=False, **duty)

    def position(self, worker: Thing, second: int) -> CloudEvent | None:
        """Return the position of a worker at a second; None when off duty."""
        shift = self.duty(worker, second)
        if shift is None:
            return None
        walk = self._walk(worker.id, day_of(shift[0]))
        since_s = (second - shift[0]) % walk.lasts_s
        k = bisect_right(walk.begins, since_s) - 1
        (x, y), (x2, y2) = walk.places[k], walk.places[k + 1]
        motion: dict[str, Any] = {"speed_kmh": 0.0}
        if length_m := hypot(x2 - x, y2 - y):
            share = min((since_s - walk.begins[k]) * walk.speed_ms / length_m, 1.0)
            heading = round(degrees(atan2(x2 - x, y2 - y)), 1) % 360
            motion = {"speed_kmh": round(walk.speed_ms / _MS, 1), "heading_deg": heading}
            x, y = x + share * (x2 - x), y + share * (y2 - y)
        lonlat = self._plane.degrees(x, y)
        return position("grid_workers", worker.id, second, lonlat, **motion, accuracy_m=5.0)

    def duty(self, worker: Thing, second: int) -> tuple[int, int] | None:
        """Return the begin and end of a worker's present shift; None when off duty."""
        for day in (day_of(second), day_of(second) - 1):
            shift = self._shift(worker, day)
            if shift and shift[0] <= second < shift[1]:
                return shift
        return None

    def _shift(self, worker: Thing, day: int) -> tuple[int, int] | None:
        """Return the shift that begins on a day: 8 to 20 o'clock, 20 to 8, or none."""
        chance = unit(self._seed, "shift", worker.id, day)
        if chance >= _DAY_SHIFT + _NIGHT_SHIFT:
            return None
        late_s = whole(0, _LATE_S, self._seed, "late", worker.id, day)
        begins = day_starts(day) + (8 if chance < _DAY_SHIFT else 20) * HOUR + late_s
        return begins, begins + DAY // 2 - _LATE_S

    def _plan(self, worker_id: str, day: int) -> _Walk:
        """Return a walk through places in the grid, each visible from the one before, to the last and back."""
        ground, about = self._ground[worker_id], (worker_id, day)
        places = [_inside(ground, self._seed, *about, "first", 0)]
        for number in range(1, _PLACES):
            for attempt in range(_TRIES):
                place = _inside(ground, self._seed, *about, number, attempt)
                if ground.covers(shapely.LineString([places[-1], place])):
                    places.append(place)
                    break
        speed_ms = between(3.0, SPEED_MAX_KMH - 0.3, self._seed, "pace", *about) * _MS
        path = [*places, *reversed(places[:-1])]
        begins, stops, now_s = [], [path[0]], 0.0
        for number, place in enumerate(path):
            here = stops[-1]
            for goal in (place, place):  # walk there, then stay a while
                begins.append(now_s)
                stops.append(goal)
                length_m = hypot(goal[0] - here[0], goal[1] - here[1])
                stay_s = between(40.0, 300.0, self._seed, "stay", *about, number)
                now_s += length_m / speed_ms if length_m else stay_s
                here = goal
        return _Walk(tuple(begins), tuple(stops), speed_ms, now_s)


def _ground(grid: BaseGeometry, district: BaseGeometry) -> BaseGeometry:
    """Return the ground of a walk: the largest part of the grid, a few metres inside its border."""
    for margin_m in (_FROM_BORDER_M, 0.5, 0.0):
        ground = grid.buffer(-margin_m).intersection(district)
        parts = [part for part in shapely.get_parts(ground) if part.geom_type == "Polygon"]
        if parts:
            largest = max(parts, key=lambda part: part.area)
            shapely.prepare(largest)
            return largest
    return grid


def _inside(ground: BaseGeometry, seed: int, *about: object) -> tuple[float, float]:
    west, south, east, north = ground.bounds
    for attempt in range(40):
        x = between(west, east, seed, "x", attempt, *about)
        y = between(south, north, seed, "y", attempt, *about)
        if shapely.contains_xy(ground, x, y):
            return x, y
    point = ground.representative_point()
    return point.x, point.y
