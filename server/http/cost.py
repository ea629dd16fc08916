"""The cost class of a request, estimated from its address alone."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl

from starlette.types import Scope

from layers.database.admission import Caller, Cost
from server.formats.table import is_export
from server.http.gateway import client_address

LONG_QUERY_BYTES = 400
MANY_ROWS = 1000
_OVERVIEW_ZOOM = 10  # a tile of a lower zoom covers a large part of a layer
_TILE = re.compile(r"/tiles/(?:[^/]+/)?(\d+)/\d+/\d+(?:\.mvt)?\Z")
_OPERATIONS = ("/twin/", "/raster/", "/map.json", "/ogc/processes/")
_MOVEMENTS = re.compile(r"/items/.+/t(?:gsequence|properties)")
_PLAIN = frozenset({"f", "limit", "crs", "lang", "next", "cursor"})  # parameters that do not change the cost of a page


def caller_of(scope: Scope, subject: str | None = None) -> Caller:
    """Return the caller of a request with its cost class: a subject that has proven who it is, else its address."""
    return Caller(subject or client_address(scope), subject is not None, cost_of(scope))


def cost_of(scope: Scope) -> Cost:
    """Return the cost class of a request.

    Heavy: a long query, a filter in a body, an export of a layer. Normal: a filter, a sort order, an operation over
    areas, the past, an overview tile. Cheap: a page in stored order, a single feature, a tile of a street.
    """
    path, query = scope["path"], scope["query_string"]
    if "/items" in path and scope.get("method") == "POST":
        return Cost.HEAVY
    if len(query) > LONG_QUERY_BYTES:
        return Cost.HEAVY
    given = dict(parse_qsl(query.decode("latin-1"))) if query else {}
    if is_export(given.get("f")) or _rows(given.get("limit", "")) > MANY_ROWS:
        return Cost.HEAVY
    tile = _TILE.search(path) if "/tiles/" in path else None
    if tile is not None and int(tile[1][:3]) < _OVERVIEW_ZOOM:
        return Cost.NORMAL
    if given.keys() - _PLAIN or path.startswith(_OPERATIONS) or _MOVEMENTS.search(path):
        return Cost.NORMAL
    return Cost.CHEAP


def _rows(limit: str) -> int:
    if limit == "all":
        return MANY_ROWS + 1
    return int(limit) if limit.isascii() and limit.isdigit() and len(limit) < 10 else 0
