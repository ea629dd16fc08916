"""Conversion of places to CRS84 from the datum a feed declares, in bulk."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import orjson
import shapely

from layers.coordinates.datum import Datum, from_datum
from twin.envelope.message import Message
from twin.envelope.refused import Reason, Refused, shown

_DATUMS: dict[str, Datum | None] = {"CGCS2000": None, "WGS84": None, "GCJ02": "gcj02", "BD09": "bd09"}
SHIFTED = frozenset(name for name, datum in _DATUMS.items() if datum is not None)


def to_crs84(messages: Sequence[Message], crs: Sequence[str]) -> list[Message]:
    """Return messages with their places in CRS84.

    Parameters
    ----------
    messages, crs
        Messages, and the datum of each: CGCS2000, WGS84, GCJ02 or BD09. CGCS2000 is taken as WGS 84, as everywhere.

    Returns
    -------
    list
        In the same order; messages without a place or in CRS84 already are the same objects.

    Raises
    ------
    Refused
        For any other datum.
    """
    converted = list(messages)
    for name in set(crs):
        if name not in _DATUMS:
            raise Refused(Reason.UNKNOWN_CODE, f"datum {shown(name)}; known are {', '.join(_DATUMS)}", parameter="crs")
        datum = _DATUMS[name]
        if datum is None:
            continue
        for i, message in enumerate(messages):
            if crs[i] == name and message.kind == "feature_change" and "geometry" in message.data:
                converted[i] = _shape_to_crs84(message, datum)
        rows = [i for i, m in enumerate(messages) if crs[i] == name and m.lon is not None]
        if not rows:
            continue
        given = np.array([(messages[i].lon, messages[i].lat) for i in rows], dtype=np.float64)
        for i, (lon, lat) in zip(rows, from_datum(given, datum).tolist(), strict=True):
            converted[i] = messages[i]._replace(lon=lon, lat=lat)
    return converted


def _shape_to_crs84(message: Message, datum: Datum) -> Message:
    shape = shapely.from_geojson(orjson.dumps(message.data["geometry"]))
    moved = shapely.transform(shape, lambda xy: from_datum(xy, datum))
    return message._replace(data={**message.data, "geometry": orjson.loads(shapely.to_geojson(moved))})
