"""Places of cases: doors beside roads, positions of grid workers, devices; each with an address."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import cos, sin, tau

import shapely

from twin.city.chance import between, unit, whole
from twin.city.district import CityDistrict, Thing
from twin.city.workers import Workers

_BESIDE_M = (6.0, 30.0)


@dataclass(frozen=True, slots=True)
class CityPlace:
    """A place with an address.

    Attributes
    ----------
    lonlat
        CRS84 degrees.
    street
        Name of the street office in charge.
    worker, device
        Id of the worker or device that reports from there; None for neither.
    """

    x_m: float
    y_m: float
    lonlat: tuple[float, float]
    address: str
    street: str
    worker: str | None = None
    device: str | None = None


class CityPlaces:
    """Finds places in a district.

    Parameters
    ----------
    workers
        Grid workers that may report cases; None for none.
    devices
        Devices that may raise alarms.
    """

    def __init__(self, district: CityDistrict, workers: Workers | None, devices: Sequence[Thing], seed: int) -> None:
        self._district, self._workers, self._seed = district, workers, seed
        self._devices = devices
        self._cameras = district.things("video_points")

    def of(self, source: str, at_s: int, *about: object) -> CityPlace | None:
        """Return the place of a case of a source; None when there is no such place."""
        if source == "grid_case":
            return self._at_worker(at_s, *about)
        if source in {"video_ai", "iot_alarm"}:
            found = self._cameras if source == "video_ai" else self._devices
            return self._at_device(found, *about) if found else None
        return self.beside_road(*about)

    def beside_road(self, *about: object) -> CityPlace | None:
        """Return a door beside a road; None when there are no roads."""
        if not self._roads:
            return None
        for attempt in range(20):
            line, name, code = self._roads[whole(0, len(self._roads) - 1, self._seed, "road", attempt, *about)]
            share = unit(self._seed, "along", attempt, *about)
            on_road = line.interpolate(share, normalized=True)
            place = self._away(on_road.x, on_road.y, *_BESIDE_M, attempt, *about)
            if shapely.contains_xy(self._district.inner, *place):
                break
        else:
            place = (on_road.x, on_road.y)
        number = 1 + 2 * int(share * line.length / 20)
        return self._place(*place, f"{name}{number}号附近", code)

    def beside(self, place: CityPlace, reach_m: float, *about: object) -> CityPlace:
        """Return a place near another, with its address."""
        x, y = self._away(place.x_m, place.y_m, 0.0, reach_m, *about)
        if not shapely.contains_xy(self._district.inner, x, y):
            return place
        return replace(place, x_m=x, y_m=y, lonlat=self._district.plane.degrees(x, y), worker=None, device=None)

    def at(self, thing: Thing, name: str) -> CityPlace:
        """Return the place of a thing."""
        street = self._district.street_of(thing.properties.get("area_code"))
        return CityPlace(thing.x_m, thing.y_m, thing.lonlat, f"{name}附近", street, device=thing.id)

    def _at_worker(self, at_s: int, *about: object) -> CityPlace | None:
        """Return the position of some worker on duty; None when none is found."""
        if self._workers is None:
            return None
        things = self._workers.things
        for attempt in range(12 if things else 0):
            worker = things[whole(0, len(things) - 1, self._seed, "who", attempt, *about)]
            where = self._workers.position(worker, at_s)
            if where is not None:
                grid = self._workers.grid_of(worker)
                lonlat = where["data"]["lon"], where["data"]["lat"]
                x, y = self._district.plane.metres([lonlat])[0].tolist()
                return CityPlace(x, y, lonlat, self._near_road(x, y), self._district.street_of(grid), worker=worker.id)
        return None

    def _at_device(self, devices: Sequence[Thing], *about: object) -> CityPlace:
        device = devices[whole(0, len(devices) - 1, self._seed, "device", *about)]
        street = self._district.street_of(device.properties.get("area_code"))
        where = self._near_road(device.x_m, device.y_m)
        return CityPlace(device.x_m, device.y_m, device.lonlat, where, street, device=device.id)

    def _place(self, x: float, y: float, address: str, code: str) -> CityPlace:
        return CityPlace(x, y, self._district.plane.degrees(x, y), address, self._district.street_of(code))

    def _away(self, x: float, y: float, least_m: float, most_m: float, *about: object) -> tuple[float, float]:
        turn = tau * unit(self._seed, "turn", *about)
        reach_m = between(least_m, most_m, self._seed, "reach", *about)
        return x + reach_m * cos(turn), y + reach_m * sin(turn)

    def _near_road(self, x: float, y: float) -> str:
        if not self._roads:
            return self._district.name
        return f"{self._roads[int(self._tree.nearest(shapely.Point(x, y)))][1]}附近"

    @cached_property
    def _roads(self) -> list[tuple[shapely.LineString, str, str]]:
        found = sorted(self._district.features.get("roads") or (), key=lambda f: str(f["id"]))
        lines = [(self._district.metres(f["geometry"]), f["properties"]) for f in found]
        return [
            (line, str(properties.get("name") or "无名路"), str(properties.get("area_code") or ""))
            for line, properties in lines
            if line.geom_type == "LineString"
        ]

    @cached_property
    def _tree(self) -> shapely.STRtree:
        return shapely.STRtree([line for line, _, _ in self._roads])
