"""Checks of the places of messages, as of loaded files: a place that cannot be right is never shown.

A position or an observation with such a place is refused: without a place it is worthless, and it can be taken again
when it is corrected. An event is taken without its place, because people wait for help: `place_fault` names the fault,
and `extra` holds the place as it was sent, for the person who finds the right one. Changes of features are checked in
`twin.store.features.check`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import orjson
import shapely

from layers.catalog import Catalog
from layers.load.coordinate_checks import MARGIN_M, degree_faults, outside
from layers.types import BBox, Bounds, Mask
from twin.envelope.kinds import unplaced
from twin.envelope.message import Message, Reading
from twin.envelope.refused import Reason, Refusal, raw_of
from twin.envelope.write import write_structured
from twin.feeds.definition import FeedDefinition
from twin.store.features.check import check_changes, district_of

OUTSIDE = "outside_district"
_DETAILS = {
    "zero": "the place is 0, 0: it was never measured",
    "swapped": "longitude and latitude are exchanged",
    OUTSIDE: f"the place lies farther than {MARGIN_M:.0f} m outside the district; a feed that may send such says "
    "'anywhere: true' in its file",
}
_REASON = {"zero": Reason.ZERO, "swapped": Reason.SWAPPED, OUTSIDE: Reason.OUTSIDE_DISTRICT}


def gate(definition: FeedDefinition, reading: Reading, catalog: Catalog) -> None:
    """Move messages with wrong places or fields to the refused, each with its reason."""
    check_changes(reading, catalog, anywhere=definition.anywhere)
    check_places(reading, None if definition.anywhere else district_of(catalog))


def check_places(reading: Reading, district_crs84: BBox | None) -> None:
    """Move positions and observations whose place cannot be right to the refused; remove the place of such events.

    Parameters
    ----------
    district_crs84
        The district's extent; None lets a message lie anywhere on earth.
    """
    located = [index for index, m in enumerate(reading.messages) if m.lon is not None and m.kind != "feature_change"]
    drawn = [index for index, m in enumerate(reading.messages) if m.kind == "event" and "area" in m.data]
    places = {index: (m.lon, m.lat) for index in located if (m := reading.messages[index])}
    faults = dict(zip(located, _faults(_points(list(places.values())), district_crs84), strict=True)) if located else {}
    if drawn:  # an authority's own area, which may be a neighbour's or the province's
        bounds = shapely.bounds([shapely.from_geojson(orjson.dumps(reading.messages[i].data["area"])) for i in drawn])
        for index, fault in zip(drawn, _faults(bounds, None), strict=True):
            faults[index] = faults.get(index) or fault
    if not any(faults.values()):
        return
    kept = []
    for index, message in enumerate(reading.messages):
        fault = faults.get(index)
        if fault is None:
            kept.append(message)
        elif message.kind == "event":
            kept.append(_without_place(message, fault))
        else:
            detail = f"{_DETAILS[fault]}; given {message.lon:.9g}, {message.lat:.9g}"
            reading.refused.append(
                Refusal(reading.place(index), _REASON[fault], detail, raw_of(write_structured(message)), canonical=True)
            )
    reading.messages[:] = kept


def _without_place(message: Message, fault: str) -> Message:
    given = f"{message.lon:.7f}, {message.lat:.7f}" if message.lon is not None else "area"
    return message._replace(lon=None, lat=None, data=unplaced(message.data, fault, given))


def _points(places: Sequence[tuple[float | None, float | None]]) -> Bounds:
    lonlat = np.array(places, dtype=np.float64)
    return np.hstack([lonlat, lonlat])


def _faults(bounds: Bounds, district_crs84: BBox | None) -> list[str | None]:
    """Return the fault of each box; None for a box that may be right."""
    shown = {name: rows for name, rows in degree_faults(bounds).items() if name in _DETAILS}
    if district_crs84 is not None:
        shown[OUTSIDE] = outside(bounds, district_crs84)
    found: list[str | None] = [None] * len(bounds)
    for name, rows in reversed(shown.items()):
        for row in _where(rows):
            found[row] = name
    return found


def _where(rows: Mask) -> list[int]:
    indices: list[int] = np.flatnonzero(rows).tolist()
    return indices
