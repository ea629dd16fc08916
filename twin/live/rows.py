"""Properties of features that filters and boxes need and changes lack, read once for all channels."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import asyncpg
import shapely
import structlog

from layers.actor import Actor
from layers.catalog import Catalog, Layer
from layers.clause import Clause, compose, quote_identifier
from layers.read.relation import relation
from twin.live.channel import Channel
from twin.log.change import Change, is_whole

_log = structlog.get_logger(__name__)
_EVERYTHING = Actor("rows", clearance=4)  # rows are matched, and never sent
_PLACE = "ST_X(p.point) AS lon, ST_Y(p.point) AS lat"
_POINT = "CROSS JOIN LATERAL (SELECT ST_PointOnSurface(f.geom) AS point) AS p"


class Needs:
    """The properties that filters and boxes of channels need, by layer.

    Attributes
    ----------
    judged
        Layers whose features rules choose among by more than grade and area.
    places
        Whether a channel needs to know where features are.
    """

    def __init__(self, channels: Iterable[Channel]) -> None:
        self._fields: dict[str, set[str]] = defaultdict(set)
        self._shapes: set[str] = set()
        self.judged: set[str] = set()
        self.places = False
        for channel in channels:
            interest = channel.interest
            self._judge(channel)
            self.places = self.places or interest.bbox_crs84 is not None
            if interest.condition is None:
                continue
            self.places = True  # the filter may need it; a point costs nothing beside the fields
            for layer_id in interest.layers:
                self._fields[layer_id] |= interest.condition.fields(layer_id)
                if interest.condition.needs_shape(layer_id):
                    self._shapes.add(layer_id)

    def _judge(self, channel: Channel) -> None:
        """Add what the rules of the channel's actors choose by."""
        for layer_id in channel.interest.layers or channel.visibility.layer_ids:
            names = channel.visibility.needed(layer_id)
            self._fields[layer_id] |= names - {"id", "geom"}
            if names:
                self.judged.add(layer_id)
            if "geom" in names:
                self._shapes.add(layer_id)
            if not self._fields[layer_id]:
                del self._fields[layer_id]

    def missing(self, change: Change) -> bool:
        """Return whether the change lacks a property that is needed."""
        if not is_whole(change):
            return False
        layer_id = change["layer"]
        fields = self._fields.get(layer_id)
        lacks = fields is not None and not fields <= change.keys() | change.get("row", {}).keys()
        return lacks or layer_id in self._shapes or (self.places and change.get("lon") is None)

    def statement(self, layer: Layer, ids: Sequence[str]) -> Clause:
        """Return the query for the needed properties of features of a layer."""
        fields = sorted(self._fields.get(layer.id, ()))
        columns = ["f.id", *(f"f.{quote_identifier(name)}" for name in fields)]
        point = ""
        if layer.definition.geometry_type != "None":
            columns.append(_PLACE)
            point = _POINT
        if layer.id in self._shapes:
            columns.append("ST_AsBinary(f.geom) AS geom")
        return compose(
            f"SELECT {', '.join(columns)} FROM {{}} {point} WHERE {{}}",
            relation(layer, _EVERYTHING),
            Clause("f.id = ANY (?0::text[])", (ids,)),
        )


class FeatureProperties:
    """The properties of changes, completed by those of their features."""

    def __init__(self, known: Mapping[tuple[str, str], Mapping[str, Any]] | None = None) -> None:
        self._known = known or {}
        self._last: tuple[Change | None, Mapping[str, Any]] = (None, {})

    def of(self, change: Change) -> Mapping[str, Any]:
        """Return the properties of a change; the last ones are kept for the next call."""
        if self._last[0] is not change:
            known, own = self._known.get((change["layer"], change["id"])), change.get("row", {})
            said = {n: v for n, v in change.items() if v is not None} if known or own else change
            self._last = change, {**known, **own, **said} if known else {**own, **said} if own else said
        return self._last[1]

    def place(self, change: Change) -> tuple[float, float] | None:
        """Return longitude and latitude of a change or of its feature, CRS84 degrees; None when both are unknown."""
        row = self.of(change)
        lon, lat = row.get("lon"), row.get("lat")
        return None if lon is None or lat is None else (lon, lat)


async def read_rows(
    connection: asyncpg.Connection, catalog: Catalog, needs: Needs, changes: Iterable[Change]
) -> FeatureProperties:
    """Read the properties that changes lack, with one query a layer; without a query when they lack none."""
    wanted: dict[str, set[str]] = defaultdict(set)
    for change in changes:
        if needs.missing(change):
            wanted[change["layer"]].add(change["id"])
    known: dict[tuple[str, str], dict[str, Any]] = {}
    for layer_id, ids in wanted.items():
        layer = catalog.get(layer_id)
        if layer is not None:
            for row in await _read(connection, layer, needs, list(ids)):
                known[layer_id, row["id"]] = _plain(row)
    return FeatureProperties(known)


async def _read(connection: asyncpg.Connection, layer: Layer, needs: Needs, ids: Sequence[str]) -> list[asyncpg.Record]:
    text, values = needs.statement(layer, ids).render()
    try:
        rows: list[asyncpg.Record] = await connection.fetch(text, *values)
    except asyncpg.PostgresConnectionError:
        raise
    except asyncpg.PostgresError as error:  # the table is being rebuilt: one filter must not hold up the log
        _log.warning("features cannot be looked up for a filter", layer=layer.id, error=str(error))
        return []
    return rows


def _plain(row: asyncpg.Record) -> dict[str, Any]:
    found = dict(row)
    if "geom" in found:
        shape = None if found["geom"] is None else shapely.from_wkb(found["geom"])
        found["geom"] = found["geometry"] = shape
    return found
