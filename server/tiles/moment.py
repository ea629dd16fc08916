"""Which moment a picture of a raster shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from layers.errors import BadInput, NotFound
from layers.moment import read_time
from tiles.raster.members import Raster, RasterFrame, written

_OPEN = ("", "..")


@dataclass(frozen=True, slots=True)
class When:
    """A moment, or an interval whose newest frame is shown.

    Attributes
    ----------
    last
        None is open: the newest of all.
    first
        None is open; of a moment it is None, since the newest frame before it shows it.
    """

    last: datetime | None = None
    first: datetime | None = None

    def frame(self, raster: Raster) -> RasterFrame:
        """Return the frame of a raster that is shown; one without times shows every moment.

        Raises
        ------
        NotFound
            When the raster has none.
        """
        frame = raster.at(self.last)
        if self.first is not None and frame.time is not None and frame.time < self.first:
            raise NotFound(
                f"raster '{raster.id}' has nothing from {written(self.first)} on within the interval; the newest before"
                f" is of {written(frame.time)}",
                parameter="datetime",
            )
        return frame


def moment_of(given: Mapping[str, str]) -> datetime | None:
    """Read ``datetime`` where it is one moment; None when it is not given: the newest.

    Raises
    ------
    BadInput
        When it is no time with an offset.
    """
    text = given.get("datetime")
    if text is not None and "/" in text:
        raise BadInput("datetime is an interval; a picture shows one moment", parameter="datetime")
    return None if text is None else read_time(text, "datetime")


def when_of(given: Mapping[str, str]) -> When:
    """Read ``datetime``, a moment or an interval ``first/last`` that may be open at either end.

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
