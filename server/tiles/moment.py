"""The moment that a picture of a raster shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from layers.errors import BadInput, NotFound
from layers.moment import read_time
from tiles.raster.members import Raster, RasterFrame, rfc3339

_OPEN = ("", "..")


@dataclass(frozen=True, slots=True)
class When:
    """A moment, or an interval of which the newest frame is shown.

    Attributes
    ----------
    last
        In UTC; None means open: the newest frame of all.
    first
        In UTC; None means open. A moment has none: the newest frame before it is shown.
    """

    last: datetime | None = None
    first: datetime | None = None

    def frame(self, raster: Raster) -> RasterFrame:
        """Return the frame of a raster to show; the frame of a raster without times fits every moment.

        Raises
        ------
        NotFound
            When the raster has no frame in the interval.
        """
        frame = raster.at(self.last)
        if self.first is not None and frame.time is not None and frame.time < self.first:
            raise NotFound(
                f"raster '{raster.id}' has nothing from {rfc3339(self.first)} on within the interval; the newest before"
                f" is of {rfc3339(frame.time)}",
                parameter="datetime",
            )
        return frame


def moment_of(given: Mapping[str, str]) -> datetime | None:
    """Return ``datetime`` as one moment in UTC; None, for the newest, when it is not given.

    Raises
    ------
    BadInput
        When it is an interval, or no time with an offset.
    """
    text = given.get("datetime")
    if text is not None and "/" in text:
        raise BadInput("datetime is an interval; a picture shows one moment", parameter="datetime")
    return None if text is None else read_time(text, "datetime")


def when_of(given: Mapping[str, str]) -> When:
    """Return ``datetime`` as a moment or an interval ``first/last``, which may be open at either end.

    Raises
    ------
    BadInput
        When it is neither, or ends before it begins.
    """
    text = given.get("datetime")
    if text is None:
        return When()
    first, slash, last = text.partition("/")
    if not slash:
        return When(read_time(first, "datetime"))
    ends = [None if end in _OPEN else read_time(end, "datetime") for end in (first, last)]
    if ends[0] is not None and ends[1] is not None and ends[1] < ends[0]:
        raise BadInput(f"datetime '{text[:80]}' ends before it begins", parameter="datetime")
    return When(ends[1], ends[0])
