"""Addresses whose answers hold no data of layers: pages, documents about layers, and the service's own state.

Any other answer to a reader of grade 3 and above that does not say what it touched is recorded as if it held the
highest grade that this reader sees.
"""

from __future__ import annotations

import re

_DATA_QUERIES = "position|area|cube|trajectory|locations"
_PLAIN = re.compile(
    r"/"
    r"|/status(?:/(?:layers|accounts|rules|policy))?"
    r"|/(?:users|sessions|tokens|layers)"
    r"|/twin/themes"
    r"|/offline\.js"
    r"|/(?:health|metrics|docs|guide|catalog|assets|fonts|sprites|styles|schemas|basemaps|app|vendor|ogc\.[a-z]+|login|logout)\b.*"
    r"|/(?:openapi|asyncapi|map|favicon|robots|manifest)\.[a-z]+"
    r"|/tiles/(?:since|[^/]+\.json)"
    r"|/raster(?:/[^/]+\.json|/[^/]+/contours\.json|/[^/]+/times)?"
    rf"|/ogc(?:/(?!(?:.*/)?(?:items|map|tiles|execution|results|{_DATA_QUERIES})(?:/|\Z)).*)?"
    r"|/sta/v1\.1/?"
    r"|/ogc(?:/.*)?/(?:map/)?tiles(?:/[^/]+)?/?"  # descriptions of tile sets
)


def holds_no_data(path: str) -> bool:
    """Whether answers at a path hold no data of layers."""
    return _PLAIN.fullmatch(path) is not None
