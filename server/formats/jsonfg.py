"""JSON-FG (OGC 21-045r1): GeoJSON with coordinate systems and times."""

from __future__ import annotations

from dataclasses import dataclass

from layers.coordinates.crs import Crs
from layers.read.query import ItemsQuery
from server.formats.geojson import GeoJsonFormat

_CONFORMANCE = (
    "http://www.opengis.net/spec/json-fg-1/1.0/conf/core",
    "http://www.opengis.net/spec/json-fg-1/1.0/conf/types-schemas",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonFgFormat(GeoJsonFormat):
    """GeoJSON with the members of JSON-FG."""

    def page_members(self, query: ItemsQuery) -> dict[str, object]:
        """Return the conformance classes, the coordinate system and the type of the features."""
        return {**self.feature_members(query.crs), "featureType": query.layer.id}

    def feature_members(self, crs: Crs) -> dict[str, object]:
        """Return the conformance classes and the coordinate system."""
        return {"conformsTo": _CONFORMANCE, "coordRefSys": crs.uri}


JSONFG = JsonFgFormat(f="jsonfg", type="application/vnd.ogc.fg+json", title="JSON-FG", form="jsonfg", shifts=False)
