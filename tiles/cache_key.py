"""The key under which a tile is kept, and the version that stands in its address.

Both name everything a tile's bytes depend on except the rows of its layers: those are compared by their versions when
the tile is looked up (`tiles/cache.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

from layers.actor import Actor
from layers.catalog import Layer
from tiles.address import TileAddress
from tiles.vector import depends_on_live


def cache_key(layers: Sequence[Layer], address: TileAddress, actor: Actor, query_string: str, build: str) -> str:
    """Return the key of a tile: code, look of its layers, place, audience and parameters.

    Parameters
    ----------
    query_string
        All parameters but the version and the format, sorted.
    build
        The build of the code, whose tiles are never taken for those of another.
    """
    place = f"{address.grid.id}/{address.z}/{address.x}/{address.y}"
    looks = ";".join(f"{layer.id}:{layer.definition.look_digest}{_live(layer)}" for layer in layers)
    return f"{build}|{looks}|{place}|{actor.audience}|{query_string}"


def tiles_version(layers: Sequence[Layer], build: str) -> str | None:
    """Return a digest of all that the tiles of layers depend on; None where tiles change without a table."""
    if any(depends_on_live(layer.definition) for layer in layers):
        return None
    made_of = ";".join(f"{layer.id}:{layer.definition.look_digest}:{layer.version}" for layer in layers)
    return blake2b(f"{build}|{made_of}".encode(), digest_size=6).hexdigest()


def _live(layer: Layer) -> str:
    if not depends_on_live(layer.definition):
        return ""
    _, live, minute = layer.freshness
    return f"@{live}.{minute}"
