"""Rasters of the catalogue: their members, and the members of a moment.

The files are cloud-optimised GeoTIFFs in the home folder, written by `layers.loaders.raster`.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import blake2b
from pathlib import Path

from layers.coordinates.degrees import METRES_PER_DEGREE
from layers.errors import NotFound
from layers.types import BBox

_ZOOM_0_PIXEL_M = 156_543.03  # of a tile of 256 pixels, at the equator
_LISTED_MAX = 500


@dataclass(frozen=True, slots=True)
class Member:
    """One file of a raster.

    Attributes
    ----------
    number
        Unique among all members, also of the past; higher when the file was loaded later.
    extent_crs84
        West, south, east, north in degrees.
    pixel_m
        Approximate width of a pixel on the ground.
    """

    number: int
    path: Path
    srid: int
    extent_crs84: BBox
    pixel_m: float

    def touches(self, box: BBox) -> bool:
        """Whether the member reaches into a box."""
        west, south, east, north = self.extent_crs84
        return west < box[2] and east > box[0] and south < box[3] and north > box[1]


def ground_m(resolution: float, *, in_degrees: bool) -> float:
    """Return the approximate width on the ground of a pixel given in units of its system."""
    return resolution * METRES_PER_DEGREE if in_degrees else resolution


@dataclass(frozen=True, slots=True)
class RasterFrame:
    """The members of one moment, or all members of a raster without times.

    Attributes
    ----------
    members
        From the uppermost down.
    stamp
        A digest that changes when members are added or removed.
    """

    time: datetime | None
    members: tuple[Member, ...]
    stamp: str

    @staticmethod
    def of(time: datetime | None, members: tuple[Member, ...]) -> RasterFrame:
        """Return a frame of members, with its stamp."""
        numbers = ",".join(str(member.number) for member in members)
        return RasterFrame(time, members, blake2b(numbers.encode(), digest_size=8).hexdigest())


@dataclass(frozen=True, slots=True)
class Raster:
    """A raster of the catalogue.

    Attributes
    ----------
    bands
        The number of bands.
    ranges
        Lowest and highest value of each band over all members; None where unknown.
    frames
        By time; the only key is None for a raster without times.
    times
        In order; empty for a raster without times.
    overlap
        ``newest`` or ``first``: the member that lies uppermost where several have a value.
    """

    id: str
    title: str
    bands: int
    grade: int
    frames: Mapping[datetime | None, RasterFrame]
    ranges: tuple[tuple[float, float] | None, ...] = ()
    overlap: str = "newest"
    vertical_datum: str | None = None
    synthetic: bool = False
    times: tuple[datetime, ...] = field(default=())

    @property
    def extent_crs84(self) -> BBox:
        """West, south, east, north of all members, in degrees."""
        boxes = [member.extent_crs84 for frame in self.frames.values() for member in frame.members]
        west, south, east, north = zip(*boxes, strict=True)
        return min(west), min(south), max(east), max(north)

    @property
    def pixel_m(self) -> float:
        """Approximate width of its finest pixel on the ground."""
        return min(member.pixel_m for frame in self.frames.values() for member in frame.members)

    @property
    def srids(self) -> list[int]:
        """The reference systems of its members."""
        return sorted({member.srid for frame in self.frames.values() for member in frame.members})

    @property
    def max_zoom(self) -> int:
        """The zoom of Web Mercator whose pixels are as small as the raster's."""
        return max(0, min(22, math.ceil(math.log2(_ZOOM_0_PIXEL_M * math.cos(math.radians(23)) / self.pixel_m))))

    def at(self, moment: datetime | None) -> RasterFrame:
        """Return the newest frame at or before a moment; None means the newest of all.

        A raster without times shows every moment.

        Raises
        ------
        NotFound
            When the raster begins later; the message says when.
        """
        if not self.times:
            return self.frames[None]
        place = len(self.times) if moment is None else bisect_right(self.times, moment)
        if not place:
            raise NotFound(f"raster '{self.id}' begins at {rfc3339(self.times[0])}", parameter="datetime")
        return self.frames[self.times[place - 1]]

    def within(self, first: datetime | None, last: datetime | None) -> tuple[datetime, ...]:
        """Return the times from one moment to another, both included; None is open."""
        return tuple(t for t in self.times if (first is None or t >= first) and (last is None or t <= last))

    def described_times(self) -> dict[str, object]:
        """Return the times for descriptions: the interval, the step in seconds if even, and the times if few."""
        if not self.times:
            return {}
        steps = {after - before for before, after in zip(self.times, self.times[1:], strict=False)}
        step = steps.pop() if len(steps) == 1 else None
        described: dict[str, object] = {"interval": [rfc3339(self.times[0]), rfc3339(self.times[-1])]}
        described["step_s"] = step / timedelta(seconds=1) if step else None
        return described | ({"times": list(map(rfc3339, self.times))} if len(self.times) <= _LISTED_MAX else {})


def rfc3339(moment: datetime) -> str:
    """Return a moment as RFC 3339 in UTC."""
    return moment.isoformat().replace("+00:00", "Z")
