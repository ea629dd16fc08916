"""Our layers as a provider of pygeoapi, over the one query builder.

pygeoapi calls it in a worker thread; the queries run on the event loop.
"""

from __future__ import annotations

from typing import Any

import orjson
from anyio import from_thread
from pygeoapi.provider.base import BaseProvider

from layers.catalog import Layer
from layers.coordinates.crs import CRS84, Crs, parse_crs
from layers.database.connection import in_our_words
from layers.errors import NotFound
from layers.read.counts import Matched
from layers.read.query import page, single
from server.audit.touched import count_rows, touch
from server.http.conditions import layer_of
from server.items.request import ItemsRequest, write_cursor
from server.ogc.schema import returnables
from server.ogc.visit import Visit, current_visit


class LayerProvider(BaseProvider):  # type: ignore[misc]  # pygeoapi ships no types
    """A layer, as the visit's actor sees it; pygeoapi makes a new object for every request."""

    def __init__(self, provider_def: dict[str, Any]) -> None:
        super().__init__(provider_def)
        self._visit: Visit = current_visit()
        found = self._visit.catalog.visible(self.data, self._visit.actor)
        self._layer: Layer = layer_of(found, self._visit.actor, self._visit.given)
        self._fields = self.get_fields()

    def get_fields(self) -> dict[str, dict[str, Any]]:
        """Return the properties by name, as JSON Schemas; pygeoapi changes them, so they are new each time."""
        visit = self._visit
        members = returnables(self._layer, visit.actor, visit.catalog, visit.language)
        return {name: member for name, member in members.items() if name != "geometry"}

    def query(self, **_: Any) -> dict[str, Any]:
        """Return a page, or only the number of features when `resulttype` is ``hits``.

        The visit's request is run; pygeoapi's arguments are its own reading of the same parameters.

        Raises
        ------
        LookupError
            When the visit is none for items.
        """
        if self._visit.request is None:
            raise LookupError(f"{self._visit.path} is no request for items")
        touch(self._layer, self._visit.actor, fields=not self._visit.request.hits)
        collection: dict[str, Any] = from_thread.run(_collection, self._visit, self._visit.request)
        count_rows(collection["numberReturned"], self._layer.id)
        return collection

    def get(self, identifier: str, **arguments: Any) -> dict[str, Any]:
        """Return one feature.

        Raises
        ------
        NotFound
            When there is no such feature, or none that the actor may see.
        """
        touch(self._layer, self._visit.actor, feature=identifier, rows=1)
        clause = single(self._layer, self._visit.actor, identifier, _crs(arguments))
        feature = None if "\0" in identifier else from_thread.run(_fetch_value, self._visit, *clause.render())
        if feature is None:
            raise NotFound(f"there is no feature '{identifier[:80]}' in '{self._layer.id}'", parameter="featureId")
        found: dict[str, Any] = orjson.loads(feature)
        return found


def _crs(arguments: dict[str, Any]) -> Crs:
    transformation = arguments.get("crs_transform_spec")
    return parse_crs(transformation.target_crs_uri) if transformation else CRS84


async def _fetch_value(visit: Visit, statement: str, values: tuple[object, ...]) -> bytes | None:
    with in_our_words():
        value: bytes | None = await visit.state.pool.fetchval(statement, *values)
    return value


async def _collection(visit: Visit, request: ItemsRequest) -> dict[str, Any]:
    query, counts = request.query, visit.state.counts
    features: list[dict[str, Any]] = []
    cursor, found = None, query.limit + 1
    with in_our_words():
        async with visit.state.pool.acquire() as connection:
            if not request.hits:
                statement, values = page(query).render()
                row = await connection.fetchrow(statement, *values)
                features, found = orjson.loads(b"[%b]" % (row["features"] or b"")), row["found"]
                cursor = write_cursor(row["last"]) if found > query.limit else None
            if query.after is None and query.offset == 0 and found <= query.limit:
                matched = Matched(found, exact=True)
            else:
                matched = counts.known(query) or await counts.counted(connection, query)
    return {
        "type": "FeatureCollection",
        "numberMatched" if matched.exact else "numberMatchedAtLeast": matched.rows,
        "numberReturned": len(features),
        "features": features,
        "links": [{"rel": "next", "href": cursor}] if cursor else [],
    }
