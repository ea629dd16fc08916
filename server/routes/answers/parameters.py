"""Parameters that several operations share."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import Query

from layers.errors import BadInput
from twin.envelope.times import moment

type OptionalLon = Annotated[
    float | None, Query(description="longitude, or metres east in a projected crs", examples=[113.3316634])
]
type OptionalLat = Annotated[
    float | None, Query(description="latitude, or metres north in a projected crs", examples=[23.1395597])
]
CrsName = Annotated[str, Query(description="of lon and lat: OGC:CRS84, EPSG:4490, EPSG:4547 …, gcj02 or bd09")]
At = Annotated[str | None, Query(max_length=40, description="时刻，缺省为现在 the moment; now by default")]
Matter = Annotated[
    str | None,
    Query(max_length=40, description="事项编码 code of the matter or of the class of events", examples=["0406"]),
]


def moment_of(text: str | None, name: str = "at") -> datetime:
    """Read a time, or return the present; without an offset it is China Standard Time.

    Raises
    ------
    BadInput
        When it is no time.
    """
    if text is None:
        return datetime.now(UTC)
    restored = text.replace(" ", "+") if "T" in text else text  # URLs decode a plus to a space
    try:
        return moment(restored, name)
    except BadInput as error:
        raise BadInput(error.message, parameter=name) from error
