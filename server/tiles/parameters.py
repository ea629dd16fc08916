"""The address and the parameters of a vector tile, read into a `TileCall`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote

from layers.actor import Actor
from layers.catalog import Catalog, Layer
from layers.clause import EMPTY
from layers.errors import BadInput, NotFound
from layers.types import BBox
from server.http.conditions import layer_of, read_condition
from server.http.parameters import parameters_of
from server.settings import LimitSettings
from tiles.address import BUFFER, EXTENT, TileAddress
from tiles.call import Part, TileCall
from tiles.cells import CELL_SHARE
from tiles.grids import WEB_MERCATOR, grid_of
from tiles.vector import CONTENT_TYPE

COMPOSITE_MAX = 16
KEPT_PATH_CHARACTERS_MAX = 500  # of an address that is kept once it was read
_XYZ = "/tiles/"
_OGC_TILE = re.compile(r"/ogc(?:/collections/([^/]*))?/tiles/([^/]*)/([^/]*)/([^/]*)/([^/]*)")
_SUFFIX = ".mvt"
# `v` distinguishes contents for caches on the way
OWN = ("v", "filter", "filter-lang", "filter-crs", "datetime", "at", "basis")
_FORMATS = ("mvt", CONTENT_TYPE)


@dataclass(frozen=True, slots=True)
class TilePath:
    """The parts of an address.

    Attributes
    ----------
    names
        Ids of the layers; several make one tile of all, drawn in this order. None means the dataset, where the
        parameter `collections` chooses the layers.
    box
        Ground of the tile with its margin, in CRS84.
    """

    names: tuple[str, ...] | None
    address: TileAddress
    box: BBox


def tile_path(raw_path: str) -> TilePath | None:
    """Return the parts of the address of a tile; None for any other address.

    Raises
    ------
    NotFound
        When there is no such tile or tile matrix set.
    """
    return _read(raw_path) if len(raw_path) <= KEPT_PATH_CHARACTERS_MAX else _read.__wrapped__(raw_path)


@lru_cache(maxsize=4096)
def _read(raw_path: str) -> TilePath | None:
    if raw_path.startswith(_XYZ) and raw_path.endswith(_SUFFIX):
        parts = raw_path[len(_XYZ) : -len(_SUFFIX)].split("/")
        if len(parts) != 4:
            return None
        names, z, x, y = parts
        return _path(names_of(names), TileAddress(_number("z", z), _number("x", x), _number("y", y), WEB_MERCATOR))
    ogc = _OGC_TILE.fullmatch(raw_path)
    if ogc is None:
        return None
    name, scheme, z, row, column = ogc.groups()
    numbers = _number("tileMatrix", z), _number("tileCol", column), _number("tileRow", row)
    names_given = None if name is None else (unquote(name),)
    return _path(names_given, TileAddress(*numbers, grid_of(unquote(scheme))))


def _path(names: tuple[str, ...] | None, address: TileAddress) -> TilePath:
    margin = CELL_SHARE if address.grid.in_degrees else BUFFER / EXTENT  # cells are squares of Web Mercator
    return TilePath(names, address, address.box(margin))


def names_of(text: str) -> tuple[str, ...]:
    """Return the ids of the layers of one tile, from a list by comma.

    Raises
    ------
    BadInput
        For too many, or one given twice.
    """
    names = tuple(unquote(name) for name in text.split(","))
    if len(names) > COMPOSITE_MAX:
        raise BadInput(f"{len(names)} layers in one tile are too many; at most {COMPOSITE_MAX}", parameter="layer")
    if len(set(names)) < len(names):
        raise BadInput("a layer is named twice", parameter="layer")
    return names


def _number(name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 40):
        raise NotFound(f"there is no tile with {name} '{text[:40]}'; it is a whole number from 0", parameter=name)
    return int(text)


def read_tile_call(
    path: TilePath, query_string: str, actor: Actor, catalog: Catalog, limits: LimitSettings
) -> TileCall:
    """Check the parameters of a tile and return the request.

    Raises
    ------
    NotFound
        For a layer that is not there, or hidden from the actor.
    BadInput
        For parameters that are unknown or malformed; properties must be ones of every layer.
    """
    given = parameters_of(query_string, limits) if query_string else {}
    if given.get("f", "mvt") not in _FORMATS:
        raise BadInput(f"f is '{given['f'][:40]}'; a vector tile is mvt", parameter="f")
    params = {name: value for name, value in given.items() if name not in {"v", "f"}}
    if path.names is None:
        layers = layers_of(catalog, actor, params.pop("collections", None), path.address.mercator_zoom)
    else:
        layers = [catalog.visible(name, actor) for name in path.names]
    parts = parts_of(layers, actor, params, limits, "tiles")
    return TileCall(parts, actor, path.address, path.box, kept_text(params), given.get("v"))


def parts_of(
    layers: Sequence[Layer], actor: Actor, params: Mapping[str, str], limits: LimitSettings, output: str
) -> tuple[Part, ...]:
    """Return the parts of a tile or map: each layer as of the requested moment, with the condition on its rows.

    Parameters
    ----------
    output
        The noun of the error: ``tiles`` or ``map``.

    Raises
    ------
    NotFound
        For a layer without geometries.
    BadInput
        For parameters that are unknown or malformed; properties must be ones of every layer.
    """
    for layer in layers:
        if layer.definition.geometry_type == "None":
            raise NotFound(f"layer '{layer.id}' has no geometries, and so no {output}", parameter="collectionId")
    if not params:
        return tuple(Part(layer, EMPTY) for layer in layers)
    return tuple(
        Part(layer_of(layer, actor, params), read_condition(layer, actor, params, limits, OWN)) for layer in layers
    )


def layers_of(catalog: Catalog, actor: Actor, collections: str | None, zoom: int | None) -> list[Layer]:
    """Return the layers of a tile or map of the dataset.

    Parameters
    ----------
    collections
        Ids or addresses by comma; None means the layers that the map shows at the zoom, but for empty ones, from the
        ground up, at most `COMPOSITE_MAX`.
    zoom
        None means every zoom.

    Raises
    ------
    NotFound
        For a layer that is not there, or hidden from the actor.
    BadInput
        For too many, or one given twice.
    """
    if collections is not None:
        given = ",".join(name.rstrip("/").rpartition("/collections/")[2] for name in collections.split(","))
        return [catalog.visible(name, actor) for name in names_of(given)]
    drawn = [layer for layer in catalog.visible_layers(actor) if layer.may_have_places(actor)]
    shown = [layer for layer in drawn if zoom is None or layer.definition.map.min_zoom <= zoom]
    return sorted(shown, key=lambda layer: (layer.definition.map.order, layer.id))[:COMPOSITE_MAX]


def kept_text(params: Mapping[str, str]) -> str:
    """Return parameters as a part of the cache's key, in alphabetical order."""
    return "&".join(f"{name}={value}" for name, value in sorted(params.items()))
