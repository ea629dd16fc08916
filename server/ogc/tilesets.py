"""Tilesets: the content, the extent and the addresses of tiles (OGC 17-083r4, 2DTMS-TileSet metadata)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from layers.catalog import Layer
from layers.coordinates.crs import CRS84
from layers.types import BBox, Json
from server.ogc.visit import Visit
from server.tiles.extent import MERCATOR_WORLD, extent_of
from server.tiles.form import PICTURES
from tiles.grids import TileMatrixSet
from tiles.vector import CONTENT_TYPE, LABELS, deepest_zoom, label_of, tile_fields

REL = "http://www.opengis.net/def/rel/ogc/1.0"
_JSON_TYPES = {"integer": "integer", "number": "number", "boolean": "boolean"}


def vector_tileset(visit: Visit, grid: TileMatrixSet, layers: Sequence[Layer], url: str, title: str) -> Json:
    """Return the tileset of vector tiles of layers; `url` is the address of the list of tilesets."""
    first = min((layer.definition.map.min_zoom for layer in layers), default=0)
    last = max((deepest_zoom(layer.definition) for layer in layers), default=0)
    zooms = range(grid.level(first), grid.level(last) + 1)
    alone = len(layers) == 1
    described = _tileset(visit, grid, url, title, "vector", (extent_of(layers) or MERCATOR_WORLD, zooms))
    described["layers"] = [part for layer in layers for part in _parts(visit, grid, layer, alone=alone)]
    described["links"].append(_item(url, grid, CONTENT_TYPE, "Mapbox vector tile"))
    return described


def map_tileset(visit: Visit, grid: TileMatrixSet, extent: BBox | None, zooms: range, url: str, title: str) -> Json:
    """Return the tileset of map tiles; `zooms` are those of Web Mercator, `extent` is in degrees."""
    levels = range(grid.level(zooms[0]), grid.level(zooms[-1]) + 1)
    described = _tileset(visit, grid, url, title, "map", (extent or MERCATOR_WORLD, levels))
    described["links"] += [_item(url, grid, form.type, form.title, f"?f={form.f}") for form in PICTURES]
    return described


def _tileset(visit: Visit, grid: TileMatrixSet, url: str, title: str, kind: str, reach: tuple[BBox, range]) -> Json:
    (west, south, east, north), levels = reach
    return {
        "title": title,
        "dataType": kind,
        "crs": grid.crs,
        "tileMatrixSetId": grid.id,
        "tileMatrixSetURI": grid.uri or f"{visit.ogc}/TileMatrixSets/{grid.id}",
        "tileMatrixSetLimits": [_limits(grid, z, (west, south, east, north)) for z in levels],
        "boundingBox": _box(grid, (west, south, east, north)),
        "links": [
            {"rel": "self", "type": "application/json", "title": grid.id, "href": f"{url}/{grid.id}"},
            matrix_set_link(visit, grid),
        ],
    }


def _box(grid: TileMatrixSet, box: BBox) -> Json:
    """Return a box with its system: that of the tiles where it has metres, since GDAL takes every box to be in it."""
    west, south, east, north = grid.in_units(box)
    system = CRS84.uri if grid.in_degrees else grid.crs
    return {"lowerLeft": [west, south], "upperRight": [east, north], "crs": system}


def _limits(grid: TileMatrixSet, z: int, box: BBox) -> Json:
    columns, rows = grid.limits(z, box)
    return {
        "tileMatrix": str(z),
        "minTileRow": rows[0],
        "maxTileRow": rows[-1],
        "minTileCol": columns[0],
        "maxTileCol": columns[-1],
    }


def _parts(visit: Visit, grid: TileMatrixSet, layer: Layer, *, alone: bool) -> Iterator[Json]:
    """Yield the parts of a tile for a layer: its features, and for areas the points of their names."""
    definition = layer.definition
    visible = tile_fields(layer, visit.actor)
    fields = {f.definition.name: {"type": _JSON_TYPES.get(f.definition.type, "string")} for f in visible}
    properties: Json = {"id": {"type": "string"}, **fields}
    zooms = {
        "dataType": "vector",
        "minTileMatrix": str(grid.level(definition.map.min_zoom)),
        "maxTileMatrix": str(grid.level(deepest_zoom(definition))),
    }
    counted = {"count": {"type": "integer"}} if definition.map.gather_below is not None else {}
    title = visit.title(definition.title_zh, definition.title_en)
    schema = {"type": "object", "properties": properties | counted}
    yield {"id": layer.id, "title": title, **zooms, "propertiesSchema": schema}
    if label_of(layer, visible) is not None:
        name = LABELS if alone else f"{layer.id}_{LABELS}"
        points = f"{title}{visit.title('：名称注记点', ': points of the names')}"
        yield {"id": name, "title": points, **zooms, "propertiesSchema": {"type": "object", "properties": properties}}


def _item(url: str, grid: TileMatrixSet, media_type: str, title: str, query: str = "") -> Json:
    href = f"{url}/{grid.id}/{{tileMatrix}}/{{tileRow}}/{{tileCol}}{query}"
    return {"rel": "item", "type": media_type, "title": title, "href": href, "templated": True}


def matrix_set_link(visit: Visit, grid: TileMatrixSet) -> dict[str, str]:
    """Return the link from a tileset to its tile matrix set."""
    href = f"{visit.ogc}/TileMatrixSets/{grid.id}"
    return {"rel": f"{REL}/tiling-scheme", "type": "application/json", "title": grid.id, "href": href}
