"""The demo city: the messages of its feeds in any interval of time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from twin.city import air
from twin.city.cameras import Cameras
from twin.city.clock import DAY
from twin.city.devices import CityDevices
from twin.city.district import CityDistrict
from twin.city.messages import CloudEvent
from twin.city.places import CityPlaces
from twin.city.roads import Roads
from twin.city.schedule import Schedule
from twin.city.tickets import Tickets
from twin.city.vehicles import Vehicles
from twin.city.water import EVERY_S, Water
from twin.city.workers import Workers

_AIR_EVERY_S = 300


@dataclass(frozen=True, slots=True)
class Liveliness:
    """Bounds of the city's activity, so that it stays cheap at any scale.

    Attributes
    ----------
    vehicles, workers, cameras
        Largest numbers.
    devices_per_s
        Largest number of device reports per second.
    cases
        Number of cases relative to a real district.
    """

    vehicles: int = 160
    workers: int = 240
    cameras: int = 20_000
    devices_per_s: float = 20.0
    cases: float = 1.0

    @classmethod
    def at(cls, rate: float) -> Liveliness:
        """Return the usual bounds multiplied by a rate."""
        usual = cls()
        return cls(
            max(round(usual.vehicles * rate), 1),
            max(round(usual.workers * rate), 1),
            max(round(usual.cameras * rate), 1),
            usual.devices_per_s * rate,
            usual.cases * rate,
        )


class City:
    """An active district. Its messages follow from the district, the seed and the time.

    Parameters
    ----------
    seed
        The same seed in the same district gives the same messages.
    """

    def __init__(self, district: CityDistrict, seed: int, liveliness: Liveliness | None = None) -> None:
        bounds = liveliness or Liveliness()
        self.district, self.seed = district, seed
        self.roads = Roads(district)
        self.vehicles = Vehicles(district, self.roads, seed, bounds.vehicles)
        self.workers = Workers(district, seed, bounds.workers)
        self.cameras = Cameras(district, seed, bounds.cameras)
        self.devices = CityDevices(district, seed, bounds.devices_per_s)
        self.water = Water(district, seed)
        self.places = CityPlaces(district, self.workers, self.devices.things, seed)
        self.tickets = Tickets(district, self.places, seed, bounds.cases)
        self._air = Schedule([(s, _AIR_EVERY_S) for s in district.things("air_quality_stations")], seed)
        self._stations, self._gauges, self._points, self._pumps = (
            Schedule([(thing, EVERY_S) for thing in things], seed)
            for things in (self.water.stations, self.water.gauges, self.water.points, self.water.pumps)
        )

    def reports(self, since: int, until: int, *, is_storm: bool = False) -> Iterator[CloudEvent]:
        """Yield the periodic reports after `since` and up to `until`, in the order of time.

        Parameters
        ----------
        since, until
            Seconds since 1970.
        is_storm
            Whether a storm plays the water now; the city then reports none of it.
        """
        for second in range(since + 1, until + 1):
            yield from self.vehicles.reports(second)
            yield from self.workers.reports(second)
            yield from self.devices.reports(second, is_storm=is_storm)
            for station in self._air.at(second):
                yield from air.reports(station, second, self.seed)
            if not is_storm:
                yield from self._of_water(second)

    def changes(self, since: int, until: int) -> Iterator[CloudEvent]:
        """Yield the changes of lasting states (cases, cameras, shifts) after `since` and up to `until`.

        Missed changes must be sent later; a missed report is replaced by the next one.
        """
        yield from self.tickets.changes(since, until)
        yield from self.cameras.changes(max(since, until - DAY), until)
        yield from self.workers.changes(max(since, until - DAY), until)

    def _of_water(self, second: int) -> Iterator[CloudEvent]:
        for station in self._stations.at(second):
            yield from self.water.station(station, second)
        for gauge in self._gauges.at(second):
            yield from self.water.gauge(gauge, second)
        for point in self._points.at(second):
            yield from self.water.point(point, second)
        for pump in self._pumps.at(second):
            yield from self.water.pump(pump, second)
