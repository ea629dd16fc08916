"""Vehicles: each drives rounds from its depot and back, and stands there in between.

A round has a number from which its path, speeds and waits follow. So the place of a vehicle at any second needs no
memory of the seconds before.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

from twin.city.chance import between, pick, unit, whole
from twin.city.clock import MINUTE, hour_of
from twin.city.district import CityDistrict, Thing
from twin.city.messages import CloudEvent, position
from twin.city.roads import Arc, Roads, turn_deg

ROUND_S = 50 * MINUTE
DRIVES_EVERY_S, STANDS_EVERY_S = 10, 5 * MINUTE
SPEED_MAX_KMH = 80.0
_CRUISE_KMH = {
    "enforcement": 42.0,
    "sanitation_sweep": 12.0,
    "sanitation_transport": 38.0,
    "muck_truck": 45.0,
    "sprinkler": 18.0,
    "ambulance": 65.0,
    "fire": 60.0,
    "police": 50.0,
    "emergency_pump": 45.0,
    "bus": 36.0,
}
_BUSY = {  # share of rounds that are driven, by day (7 to 21 o'clock) and by night
    "muck_truck": (0.25, 0.9),
    "sanitation_sweep": (0.6, 0.8),
    "sanitation_transport": (0.6, 0.8),
    "sprinkler": (0.5, 0.6),
    "bus": (0.95, 0.2),
    "ambulance": (0.6, 0.4),
    "fire": (0.25, 0.15),
    "emergency_pump": (0.15, 0.1),
}
_DISPATCHED = frozenset({"ambulance", "fire", "police", "emergency_pump"})
_DEPOTS_MAX = 4  # for each kind
_MS = 1 / 3.6


@dataclass(frozen=True, slots=True)
class _Leg:
    """A part of a round: an arc driven at one speed, or a wait at its end (speed 0)."""

    arc: Arc
    speed_ms: float


@dataclass(frozen=True, slots=True)
class _Round:
    begins: tuple[float, ...]
    legs: tuple[_Leg, ...]
    ends: float


class Vehicles:
    """Vehicles of the district that drive.

    Parameters
    ----------
    most
        Largest number of vehicles; chosen at random.
    """

    def __init__(self, district: CityDistrict, roads: Roads, seed: int, most: int) -> None:
        self._plane, self._roads, self._seed = district.plane, roads, seed
        able = sorted(district.things("vehicles"), key=lambda v: unit(seed, "vehicle", v.id))
        self.things = sorted(able[:most] if roads.junctions else [], key=lambda v: v.id)
        self._depot = self._depots()
        self._round: dict[str, tuple[int, _Round | None]] = {}

    def reports(self, second: int) -> Iterator[CloudEvent]:
        """Yield the positions of the vehicles that report in a second."""
        for phase, vehicle in enumerate(self.things):
            if (second + phase) % DRIVES_EVERY_S == 0:
                message = self.position(vehicle, second)
                if message["data"]["speed_kmh"] > 0 or (second + phase) % STANDS_EVERY_S == 0:
                    yield message

    def position(self, vehicle: Thing, second: int) -> CloudEvent:
        """Return the position of a vehicle at a second."""
        offset_s = whole(0, ROUND_S - 1, self._seed, "offset", vehicle.id)
        number, since_s = divmod(second + offset_s, ROUND_S)
        driven = self._round_of(vehicle, number)
        kind = str(vehicle.properties.get("vehicle_kind"))
        if driven is None or since_s >= driven.ends:
            x, y = self._roads.junctions[self._depot[vehicle.id]]
            return self._report(vehicle, second, (x, y, 0.0), 0.0, "idle")
        k = bisect_right(driven.begins, since_s) - 1
        leg = driven.legs[k]
        place = leg.arc.at((since_s - driven.begins[k]) * leg.speed_ms if leg.speed_ms else leg.arc.length_m)
        status = "dispatched" if kind in _DISPATCHED else "working"
        return self._report(vehicle, second, place, leg.speed_ms / _MS, status)

    def _report(
        self, vehicle: Thing, second: int, place: tuple[float, float, float], speed_kmh: float, status: str
    ) -> CloudEvent:
        lonlat = self._plane.degrees(place[0], place[1])
        motion = {"speed_kmh": round(speed_kmh, 1), "heading_deg": round(place[2], 1) % 360, "status_code": status}
        return position("vehicles", vehicle.id, second, lonlat, **motion)

    def _depots(self) -> dict[str, int]:
        """Return the depot of each vehicle: a junction, one of the depots of its kind.

        The vehicle's present position is no source for it: the city itself has reported that.
        """
        junctions = sorted(self._roads.junctions)
        depot = {}
        for vehicle in self.things:
            number = whole(1, _DEPOTS_MAX, self._seed, "depot", vehicle.id)
            kind = vehicle.properties.get("vehicle_kind")
            depot[vehicle.id] = junctions[whole(0, len(junctions) - 1, self._seed, "depot of", kind, number)]
        return depot

    def _round_of(self, vehicle: Thing, number: int) -> _Round | None:
        kept = self._round.get(vehicle.id)
        if kept is None or kept[0] != number:
            kept = number, self._plan(vehicle, number)
            self._round[vehicle.id] = kept
        return kept[1]

    def _plan(self, vehicle: Thing, number: int) -> _Round | None:
        """Return a round: random turns, then the quickest way back in time; None when the vehicle rests."""
        kind, about = str(vehicle.properties.get("vehicle_kind")), (vehicle.id, number)
        hour = hour_of(number * ROUND_S)
        busy = _BUSY.get(kind, (0.8, 0.25))[0 if 7 <= hour < 21 else 1]
        if unit(self._seed, "busy", *about) >= busy:
            return None
        depot, cruise_kmh = self._depot[vehicle.id], _CRUISE_KMH.get(kind, 40.0)
        pace = between(0.75, 1.0, self._seed, "pace", *about) * _traffic(hour)
        back_s, way_back = self._roads.ways_to(depot)
        lasts_s = between(0.5, 0.95, self._seed, "lasts", *about) * ROUND_S
        slow = 80.0 / (cruise_kmh * pace)  # largest factor of the time back at the speed limits
        legs: list[_Leg] = []
        begins: list[float] = []
        here, now_s, homewards = depot, 0.0, False
        while not (homewards and here == depot):
            arc = self._roads.arcs[way_back[here] if homewards else self._wander(here, legs, (*about, len(legs)))]
            speed_ms = min(arc.limit_kmh * pace, cruise_kmh, SPEED_MAX_KMH) * _MS
            wait_s = 0.0 if homewards or arc.limit_kmh < 30 else _lights(self._seed, *about, len(legs))
            then_s = now_s + arc.length_m / speed_ms
            if not homewards and then_s + wait_s + back_s[arc.end] * slow > lasts_s:
                homewards = True
                continue
            begins.append(now_s)
            legs.append(_Leg(arc, speed_ms))
            if wait_s:
                begins.append(then_s)
                legs.append(_Leg(arc, 0.0))
            now_s, here = then_s + wait_s, arc.end
        return _Round(tuple(begins), tuple(legs), now_s) if legs else None

    def _wander(self, here: int, legs: list[_Leg], about: tuple[object, ...]) -> int:
        """Return the next arc: more often straight on and on wide roads, back only in a dead end."""
        choices = self._roads.leaving[here]
        before = legs[-1].arc if legs else None
        ahead = [k for k in choices if before is None or self._roads.arcs[k].road != before.road] or choices
        weights = {}
        for k in ahead:
            arc = self._roads.arcs[k]
            straight = 1.0 if before is None or turn_deg(before, arc) < 45 else 0.45
            weights[str(k)] = straight * arc.limit_kmh
        return int(pick(weights, self._seed, "turn", *about))


def _traffic(hour: float) -> float:
    """Return the share of its speed that a vehicle keeps in the traffic of an hour."""
    return 0.62 if 7.5 <= hour < 9.5 or 17 <= hour < 19.5 else 0.95 if hour < 6 or hour >= 22 else 0.8


def _lights(seed: int, *about: object) -> float:
    """Return the wait at a crossing in seconds: mostly 0, else 5 to 45."""
    return between(5.0, 45.0, seed, "wait", *about) if unit(seed, "red", *about) < 0.25 else 0.0
