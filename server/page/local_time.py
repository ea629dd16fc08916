"""Times as people read them: the local minute of the district, whose zone has no summer time."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

_HERE = ZoneInfo("Asia/Shanghai")


def local_minute(moment: datetime | str | None) -> str:
    """Return a moment as ``2026-11-29 22:26``; a text that is no moment as it is, None as an empty text.

    A moment without an offset is in UTC.

    Examples
    --------
    >>> local_minute("2026-11-29T14:26:52+00:00")
    '2026-11-29 22:26'
    """
    if moment is None:
        return ""
    try:
        read = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    except ValueError:
        return str(moment)
    return (read if read.tzinfo else read.replace(tzinfo=UTC)).astimezone(_HERE).strftime("%Y-%m-%d %H:%M")
