"""Answers in a shifted datum: the coordinates of a JSON document that is finished, put into GCJ-02 or BD-09.

What is shifted is what an answer shows, so that a place that was masked stays as coarse as it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from layers.coordinates.datum import Datum, to_datum
from layers.types import Json

_COMPUTED = frozenset({"route"})
"""Properties of features that hold a geometry; all others are values of the layer, which stay as they are."""
DIGITS = 7


def shift_document(document: Json, datum: Datum) -> None:
    """Put a document from CGCS2000 into a datum, in place, and declare the datum in it and in each feature.

    Shifted are the coordinates of GeoJSON geometries, and members `lon` and `lat` side by side, wherever they stand
    but in the values of a layer's fields: in the properties of a feature, and in the members of one of its `rows`.
    They are rounded to seven decimals (1 cm).
    """
    found = _Places(datum)
    found.look(document)
    document["datum"] = datum
    found.shift()


def shift_rows(rows: Sequence[Json], datum: Datum) -> None:
    """Put the members `lon` and `lat` of rows into a datum, in place."""
    found = _Places(datum)
    for row in rows:
        found.pair(row)
    found.shift()


class _Places:
    """The places of a document, and where each of them stands."""

    def __init__(self, datum: Datum) -> None:
        self.lonlat: list[tuple[float, float]] = []
        self.holders: list[tuple[Any, Any, Any]] = []
        self._datum = datum

    def shift(self) -> None:
        """Put the places that were found into the datum, all at once."""
        if self.lonlat:
            shifted = np.round(to_datum(np.array(self.lonlat, dtype=np.float64), self._datum), DIGITS).tolist()
            for (holder, lon, lat), (x, y) in zip(self.holders, shifted, strict=True):
                holder[lon], holder[lat] = x, y

    def look(self, node: Any) -> None:
        """Find the places in a part of a document."""
        if isinstance(node, list):
            for one in node:
                self.look(one)
        elif isinstance(node, dict):
            self.pair(node)
            is_feature = node.get("type") == "Feature"
            for name, value in node.items():
                self._look_inside(name, value, is_feature=is_feature)
            if is_feature:
                node["datum"] = self._datum

    def _look_inside(self, name: str, value: Any, *, is_feature: bool) -> None:
        if name == "coordinates":
            self._positions(value)
        elif is_feature and name == "properties":
            self.look([value[inner] for inner in _COMPUTED.intersection(value or ())])
        elif name == "rows" and isinstance(value, list):
            for row in value:
                self.pair(row)
        else:
            self.look(value)

    def pair(self, node: Json) -> None:
        """Find the place that a node has as `lon` and `lat`."""
        if _is_number(node.get("lon")) and _is_number(node.get("lat")):
            self._place(node, "lon", "lat")

    def _positions(self, node: Any) -> None:
        if isinstance(node, list) and node and _is_number(node[0]):
            self._place(node, 0, 1)
        elif isinstance(node, list):
            for one in node:
                self._positions(one)

    def _place(self, holder: Any, lon: Any, lat: Any) -> None:
        self.holders.append((holder, lon, lat))
        self.lonlat.append((holder[lon], holder[lat]))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
