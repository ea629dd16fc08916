"""The roads as a directed graph, with travel times and positions along each arc."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass
from functools import lru_cache
from heapq import heappop, heappush
from math import atan2, degrees, hypot

import shapely

from twin.city.district import CityDistrict, GeoJsonFeature
from twin.city.plane import Floats

_CLASSES = frozenset({"expressway", "arterial", "sub_arterial", "branch"})  # lanes are too narrow for these vehicles
_KEEPS_RIGHT_M = 4.5
_MS = 1 / 3.6


@dataclass(frozen=True, slots=True)
class Arc:
    """One direction of one road.

    Attributes
    ----------
    start, end
        Junctions.
    points, along_m
        Vertices in the plane, and the distance of each from the start.
    right_m
        Distance of the driving line to the right of the centre line.
    """

    road: int
    start: int
    end: int
    points: tuple[tuple[float, float], ...]
    along_m: tuple[float, ...]
    limit_kmh: float
    right_m: float

    @property
    def length_m(self) -> float:
        """Length of the road."""
        return self.along_m[-1]

    def at(self, along_m: float) -> tuple[float, float, float]:
        """Return the place at a distance from the start, on the right side, and the heading in degrees from north."""
        k = min(max(bisect_right(self.along_m, along_m) - 1, 0), len(self.points) - 2)
        (x, y), (x2, y2) = self.points[k], self.points[k + 1]
        piece_m = self.along_m[k + 1] - self.along_m[k]
        share = min(max((along_m - self.along_m[k]) / piece_m, 0.0), 1.0)
        east, north = (x2 - x) / piece_m, (y2 - y) / piece_m
        heading = degrees(atan2(east, north)) % 360
        return x + share * (x2 - x) + north * self.right_m, y + share * (y2 - y) - east * self.right_m, heading


class Roads:
    """The roads of vehicles: those wholly inside the district and strongly connected.

    Parameters
    ----------
    district
        Has `roads`; nodes are `from_node` and `to_node`, else the ends of the lines.
    """

    def __init__(self, district: CityDistrict) -> None:
        self.arcs: list[Arc] = []
        self.junctions: dict[int, tuple[float, float]] = {}
        numbers: dict[object, int] = {}
        lines = [(f, district.metres(f["geometry"])) for f in _drivable(district)]
        for number, (feature, line) in enumerate(lines):
            if line.length > 1 and district.inner.covers(line):
                self._add(number, feature, shapely.get_coordinates(line), numbers)
        self._keep_connected()
        self.leaving: dict[int, list[int]] = defaultdict(list)
        self._arriving: dict[int, list[int]] = defaultdict(list)
        for k, arc in enumerate(self.arcs):
            self.leaving[arc.start].append(k)
            self._arriving[arc.end].append(k)

    def _add(self, number: int, feature: GeoJsonFeature, line: Floats, numbers: dict[object, int]) -> None:
        properties = feature["properties"]
        names = (properties.get("from_node"), properties.get("to_node"))
        ends = []
        for name, place in zip(names, (line[0], line[-1]), strict=True):
            key = name or (round(float(place[0])), round(float(place[1])))
            ends.append(numbers.setdefault(key, len(numbers)))
            self.junctions[ends[-1]] = float(place[0]), float(place[1])
        limit_kmh = float(properties.get("speed_limit_kmh") or 30)
        right_m = min(float(properties.get("width_m") or 8) / 4, _KEEPS_RIGHT_M)
        self.arcs.append(_arc(number, ends[0], ends[1], line, limit_kmh, right_m))
        if not properties.get("one_way"):
            self.arcs.append(_arc(number, ends[1], ends[0], line[::-1], limit_kmh, right_m))

    def _keep_connected(self) -> None:
        """Keep the largest strongly connected part of the network."""
        ahead, behind = defaultdict(list), defaultdict(list)
        for arc in self.arcs:
            ahead[arc.start].append(arc.end)
            behind[arc.end].append(arc.start)
        best: set[int] = set()
        left = set(self.junctions)
        while left:
            one = min(left)
            part = _reachable(one, ahead) & _reachable(one, behind)
            best = max(best, part, key=len)
            left -= part
        self.arcs = [arc for arc in self.arcs if arc.start in best and arc.end in best]
        self.junctions = {number: place for number, place in self.junctions.items() if number in best}

    @lru_cache(maxsize=64)  # noqa: B019  # a process has one graph
    def ways_to(self, goal: int) -> tuple[dict[int, float], dict[int, int]]:
        """Return, by junction, the seconds to a goal at the speed limits, and the arc to take."""
        seconds, arc_to_take = {goal: 0.0}, dict[int, int]()
        waiting = [(0.0, goal)]
        while waiting:
            so_far, junction = heappop(waiting)
            if so_far > seconds[junction]:
                continue
            for k in self._arriving[junction]:
                arc = self.arcs[k]
                took = so_far + arc.length_m / (arc.limit_kmh * _MS)
                if took < seconds.get(arc.start, float("inf")):
                    seconds[arc.start], arc_to_take[arc.start] = took, k
                    heappush(waiting, (took, arc.start))
        return seconds, arc_to_take


def _drivable(district: CityDistrict) -> list[GeoJsonFeature]:
    found = [f for f in district.features.get("roads") or () if f["properties"].get("road_class", "branch") in _CLASSES]
    return sorted(found, key=lambda feature: str(feature["id"]))


def _arc(number: int, start: int, end: int, line: Floats, limit_kmh: float, right_m: float) -> Arc:
    points: list[tuple[float, float]] = []
    along_m: list[float] = []
    for x, y in line.tolist():
        step_m = hypot(x - points[-1][0], y - points[-1][1]) if points else 0.0
        if points and step_m < 0.01:
            continue
        along_m.append(along_m[-1] + step_m if along_m else 0.0)
        points.append((x, y))
    return Arc(number, start, end, tuple(points), tuple(along_m), limit_kmh, right_m)


def _reachable(start: int, ahead: dict[int, list[int]]) -> set[int]:
    seen, waiting = {start}, [start]
    while waiting:
        for neighbour in ahead[waiting.pop()]:
            if neighbour not in seen:
                seen.add(neighbour)
                waiting.append(neighbour)
    return seen


def turn_deg(before: Arc, after: Arc) -> float:
    """Return the turning angle from one arc into the next, from 0 (straight on) to 180 (back)."""
    difference = before.at(before.length_m)[2] - after.at(0.0)[2]
    return abs((difference + 180) % 360 - 180)
