"""Which moment a picture of a raster shows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from layers.errors import BadInput
from layers.moment import read_time


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
