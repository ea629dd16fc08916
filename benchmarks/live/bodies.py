"""The messages of a city, ready to be posted: bodies are made once, and each use sets their times and numbers."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import asyncpg
import orjson

from layers.types import BBox

SOURCE = "/feeds/demo"
POSITIONS, OBSERVATIONS = 0.60, 0.35  # the rest are events
_TIME, _NUMBER, _BEFORE = b"0000-00-00T00:00:00Z", b"@@@@@@@@", b"########"
_UNKNOWN = 90_000_000
_MOVING = ("vehicles", "grid_workers")
_MEASURING = {
    "rain_gauges": ("rain_mm", "mm"),
    "water_level_stations": ("water_level_m", "m"),
    "iot_devices": ("battery_pct", "%"),
    "air_quality_stations": ("pm2_5", "ug/m3"),
}
_DEVICES_MAX = 5_000  # of a layer


@dataclass(frozen=True, slots=True)
class Population:
    """The sources of messages: subjects that move, subjects that measure (with property and unit), and the extent."""

    moving: list[str]
    measuring: list[tuple[str, str, str]]
    box: BBox

    @classmethod
    async def read(cls, connection: asyncpg.Connection) -> Population:
        """Read the subjects of a loaded district."""
        moving, measuring = [], []
        for layer in _MOVING:
            moving += [
                f"{layer}/{row[0]}" for row in await connection.fetch(f"SELECT id FROM layer.{layer} ORDER BY id")
            ]
        for layer, (code, unit) in _MEASURING.items():
            rows = await connection.fetch(f"SELECT id FROM layer.{layer} ORDER BY id LIMIT $1", _DEVICES_MAX)
            measuring += [(f"{layer}/{row[0]}", code, unit) for row in rows]
        extent = "(SELECT ST_Extent(geom) AS e FROM layer.grids) AS x"
        box = await connection.fetchrow(f"SELECT ST_XMin(e), ST_YMin(e), ST_XMax(e), ST_YMax(e) FROM {extent}")
        return cls(moving, measuring, tuple(box))


class Bodies:
    """Bodies of one size, each different, used round and round.

    Parameters
    ----------
    size
        Messages a body.
    run
        Prefix of every id, so that no run repeats another's.
    places
        Places of the positions, instead of anywhere in the city: one position at each, in order.
    """

    def __init__(
        self, city: Population, size: int, run: str, *, number: int = 40, places: Sequence[tuple[float, float]] = ()
    ) -> None:
        self._random, self._city, self._run, self._size = random.Random(440106), city, run, size
        self._sent = 0
        if places:
            self._made = [orjson.dumps([self._position(n, n, place) for n, place in enumerate(places)])]
        else:
            self._made = [orjson.dumps(self._mixed()) for _ in range(number)]

    def next(self) -> bytes:
        """Return the next body, with the current time."""
        body = self._made[self._sent % len(self._made)]
        self._sent += 1
        now = datetime.now(UTC).isoformat().replace("+00:00", "Z").encode()
        before = self._sent - len(self._made)  # at first there was none: then something happens to an unknown event
        numbered = body.replace(_TIME, now).replace(_NUMBER, b"%08d" % self._sent)
        return numbered.replace(_BEFORE, b"%08d" % (before if before > 0 else _UNKNOWN + self._sent))

    def _mixed(self) -> list[dict[str, object]]:
        moving, measuring = round(self._size * POSITIONS), round(self._size * OBSERVATIONS)
        things = self._pick(self._city.moving, moving)
        messages = [self._position(n, self._city.moving.index(thing), None) for n, thing in enumerate(things)]
        devices = self._pick(self._city.measuring, measuring)
        messages += [self._observation(moving + n, device) for n, device in enumerate(devices)]
        messages += [self._event(n) for n in range(moving + measuring, self._size)]
        self._random.shuffle(messages)
        return messages

    def _pick[T](self, among: list[T], number: int) -> list[T]:
        """Return subjects, each once if there are enough: no subject is twice in a body at one time."""
        return self._random.sample(among, number) if number <= len(among) else self._random.choices(among, k=number)

    def _envelope(self, kind: str, n: int, subject: str, data: dict[str, object]) -> dict[str, object]:
        return {
            "specversion": "1.0",
            "id": f"{self._run}-{_NUMBER.decode()}-{n}",
            "source": SOURCE,
            "type": f"cn.gov.district.{kind}.updated",
            "subject": subject,
            "time": _TIME.decode(),
            "datacontenttype": "application/json",
            "data": data,
        }

    def _position(self, n: int, thing: int, place: tuple[float, float] | None) -> dict[str, object]:
        lon, lat = place or self._place()
        data = {"lon": lon, "lat": lat, "speed_kmh": round(self._random.uniform(0, 60), 1)}
        subject = self._city.moving[thing % len(self._city.moving)]
        return self._envelope("position", n, subject, {**data, "heading_deg": self._random.randrange(360)})

    def _observation(self, n: int, device: tuple[str, str, str]) -> dict[str, object]:
        subject, code, unit = device
        value = round(self._random.uniform(0, 100), 2)
        return self._envelope("observation", n, subject, {"property": code, "value": value, "unit": unit})

    def _event(self, n: int) -> dict[str, object]:
        """Return a new event, or the next stage of an event of an earlier body."""
        lon, lat = self._place()
        new = n % 2 == 0
        name = f"{self._run}-{(_NUMBER if new else _BEFORE).decode()}-{n - (not new)}"
        data = {"source": "grid_case", "stage": "collect" if new else "dispatch", "title": "占道经营"}
        envelope = self._envelope("event", n, f"events/{name}", data | ({"lon": lon, "lat": lat} if new else {}))
        return {**envelope, "id": name, "version": 1 if new else 2}

    def _place(self) -> tuple[float, float]:
        west, south, east, north = self._city.box
        return round(self._random.uniform(west, east), 6), round(self._random.uniform(south, north), 6)
