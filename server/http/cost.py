"""What a request may cost the database, by its look: how long its text is, and how much it asks for."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl

from starlette.types import Scope

from layers.actor import ANONYMOUS
from layers.database.admission import Caller, Cost
from layers.errors import Unauthenticated
from server.formats.table import is_export
from server.identity.auth import Authenticator

LONG_QUERY_BYTES = 400
MANY_ROWS = 1000
_OVERVIEW_ZOOM = 10  # a tile above shows a good part of a layer
_TILE = re.compile(r"/tiles/(?:[^/]+/)?(\d+)/\d+/\d+(?:\.mvt)?\Z")
_OPERATIONS = ("/twin/", "/raster/", "/map.json")
_PLAIN = frozenset({"f", "limit", "crs", "lang", "next", "cursor"})  # parameters that leave a page what it is


def caller_of(scope: Scope, authenticator: Authenticator) -> Caller:
    """Return for whom a request is worked, by address, whether it shows a token of ours, and what it may cost."""
    try:
        known = authenticator.actor(scope["headers"]) is not ANONYMOUS
    except Unauthenticated:
        known = False
    return Caller(address_of(scope), known, cost_of(scope))


def address_of(scope: Scope) -> str:
    """Return the address a request comes from; what a proxy on this machine says of it is believed (uvicorn)."""
    client = scope.get("client")
    return str(client[0]) if client else ""


def cost_of(scope: Scope) -> Cost:
    """Return the class of a request.

    A long query or a filter in a body, a whole export: heavy. What has a filter or a sort order, looks at areas, at the
    past or at an overview: normal. A page as it is stored, a single feature, a tile of a street: cheap.
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
    if given.keys() - _PLAIN or path.startswith(_OPERATIONS):
        return Cost.NORMAL
    return Cost.CHEAP


def _rows(limit: str) -> int:
    return int(limit) if limit.isascii() and limit.isdigit() and len(limit) < 10 else 0
