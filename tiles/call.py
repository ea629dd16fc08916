"""One checked request for a vector tile: its layers, its place, its reader and its conditions."""

from __future__ import annotations

from dataclasses import dataclass

from layers.actor import Actor
from layers.catalog import Layer
from layers.clause import Clause
from layers.types import BBox
from tiles.address import TileAddress
from tiles.cache import TileRequest
from tiles.cache_key import cache_key, tiles_version
from tiles.vector import depends_on_live


@dataclass(frozen=True, slots=True)
class Part:
    """A layer of a tile as of the requested moment, with the condition on its rows."""

    layer: Layer
    where: Clause


@dataclass(frozen=True, slots=True)
class TileCall:
    """A checked request.

    Attributes
    ----------
    box
        Ground of the tile with its margin, in CRS84.
    query_string
        All parameters but the version and the format, sorted; part of the cache's key.
    version
        The `v` of the address.
    """

    parts: tuple[Part, ...]
    actor: Actor
    address: TileAddress
    box: BBox
    query_string: str
    version: str | None = None

    def cache_request(self, build: str) -> TileRequest:
        """Return the request to the cache."""
        layers = tuple(part.layer for part in self.parts)
        key = cache_key(layers, self.address, self.actor, self.query_string, build)
        filtered = bool(self.query_string)  # clients can make any number of filters
        durable = not filtered and not any(depends_on_live(layer.definition) for layer in layers)
        return TileRequest(key, layers, self.box, durable)

    @property
    def is_past(self) -> bool:
        """Whether the request names a moment: such a tile is drawn for each request and never cached."""
        return any(part.layer.moment is not None for part in self.parts)

    def is_newest(self, build: str) -> bool:
        """Whether the address names the version that is drawn now, so that its content never changes."""
        newest = None if self.is_past else tiles_version([part.layer for part in self.parts], build)
        return newest is not None and self.version == newest
