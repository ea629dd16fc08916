"""OGC API - Maps over rasters: a picture of any rectangle, and map tiles; a raster is a collection of its own."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from anyio import from_thread
from rasterio.warp import transform_bounds
from starlette.types import Receive, Scope, Send

from layers.cql2 import parse_bbox
from layers.crs import CRS84, SERVED, Crs, parse_crs
from layers.errors import BadInput, OneMapError, TooMuch
from server.items.request import refuse_unknown
from server.media import GEOJSON, Media
from server.ogc.answer import Answer, Endpoint, written
from server.ogc.tiles import REL, matrix_set_link
from server.ogc.visit import Visit
from server.tiles.moment import moment_of
from server.tiles.raster import MAP_FORMATS, map_format
from tiles.grids import GRIDS, PIXEL_M, TileMatrixSet, grid_of
from tiles.look import MEDIA, PARAMETERS, read_look
from tiles.opened import OpenRasters, system_of
from tiles.picture import Colour, draw_map
from tiles.raster import Raster
from tiles.raster import written as rfc3339
from tiles.reading import Area

PIXELS_MAX = 2048 * 2048
_LONGER_SIDE = 1024  # pixels, where nobody says
_OWN = ("f", "lang", "bbox", "bbox-crs", "crs", "width", "height", "scale-denominator", "datetime", "transparent",
        "bgcolor")  # fmt: skip
_COLOUR = re.compile(r"(?:0x|#)?([0-9a-fA-F]{6})")


@dataclass(frozen=True, slots=True)
class MapEndpoint(Endpoint):
    """An address whose ``f`` names a format of pictures."""

    def _media(self, f: str | None, accept: str) -> Media:  # noqa: ARG002  # they say nothing of errors
        return GEOJSON  # in which errors are told


async def _map(visit: Visit, names: Mapping[str, str]) -> Answer:
    given = visit.given
    refuse_unknown(given, (*_OWN, *PARAMETERS))
    form, moment, ground = map_format(given.get("f")), moment_of(given), _background(given)
    raster = await visit.state.rasters.get(names["raster"], visit.actor)
    look = read_look({name: text for name, text in given.items() if name not in _OWN}, raster.bands)
    crs = parse_crs(given["crs"]) if "crs" in given else storage_crs(raster)
    area = _area(given, raster, crs)

    def read(files: OpenRasters, found: Raster) -> bytes:
        return draw_map(files, found, found.at(moment), area, look, form, ground)

    content = await visit.state.rasters.read(raster.id, visit.actor, read)
    west, south, east, north = area.bounds
    corners = (south, west, north, east) if crs.flips else area.bounds
    headers = {"Content-Crs": f"<{crs.uri}>", "Content-Bbox": ",".join(f"{side:.10g}" for side in corners)}
    return Answer(content, MEDIA[form], headers)


def storage_crs(raster: Raster) -> Crs:
    """Return the system of a raster's files, where they have one that is served; else CRS84."""
    return next((crs for crs in SERVED if [crs.srid] == raster.srids and crs.srid != 4326), CRS84)


def _area(given: Mapping[str, str], raster: Raster, crs: Crs) -> Area:
    box_crs = parse_crs(given["bbox-crs"], "bbox-crs") if "bbox-crs" in given else CRS84
    if "bbox" in given:
        parse_bbox(given["bbox"], box_crs)  # says what is wrong with it
        bounds = _bounds(given["bbox"], box_crs)
    else:
        box_crs, bounds = CRS84, raster.extent_crs84
    west, south, east, north = _between(bounds, box_crs, crs)
    if not (all(map(math.isfinite, (west, south, east, north))) and west < east and south < north):
        raise BadInput(f"bbox '{given.get('bbox', '')[:80]}' has no area in {crs.short}", parameter="bbox")
    width, height = _size(given, (east - west, north - south), crs)
    if width * height > PIXELS_MAX:
        raise TooMuch(f"a map of {width} x {height} pixels is too large; at most {PIXELS_MAX:,} pixels are drawn")
    box = _between((west, south, east, north), crs, CRS84)
    return Area((west, south, east, north), box, crs.srid, width, height)


def _bounds(text: str, crs: Crs) -> tuple[float, float, float, float]:
    numbers = [float(part) for part in text.split(",")]
    half = len(numbers) // 2
    (a, b), (c, d) = numbers[:2], numbers[half : half + 2]
    return (b, a, d, c) if crs.flips else (a, b, c, d)


def _between(bounds: tuple[float, float, float, float], source: Crs, target: Crs) -> tuple[float, float, float, float]:
    if system_of(source.srid) == system_of(target.srid):
        return bounds
    west, south, east, north = transform_bounds(system_of(source.srid), system_of(target.srid), *bounds)
    return west, south, east, north


def _size(given: Mapping[str, str], extent: tuple[float, float], crs: Crs) -> tuple[int, int]:
    """Return width and height in pixels: as asked for, else so that pixels are square."""
    across, up = extent
    asked = {name: _whole(given[name], name) for name in ("width", "height") if name in given}
    if "scale-denominator" in given:
        if asked:
            raise BadInput("width and height follow from scale-denominator; give one or the other", parameter="width")
        metre = 111_319.49 if crs.unit == "degree" else 1.0
        pixel = _scale(given["scale-denominator"]) * PIXEL_M / metre
        return max(1, min(10**6, round(across / pixel))), max(1, min(10**6, round(up / pixel)))
    if not asked:
        asked = {"width": _LONGER_SIDE} if across >= up else {"height": _LONGER_SIDE}
    width = asked.get("width") or max(1, min(10**6, round(asked["height"] * across / up)))
    return width, asked.get("height") or max(1, min(10**6, round(width * up / across)))


def _whole(text: str, name: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < len(text) < 7 and int(text)):
        raise BadInput(f"{name} is '{text[:40]}'; it is a number of pixels from 1", parameter=name)
    return int(text)


def _scale(text: str) -> float:
    try:
        scale = float(text)
    except ValueError:
        scale = 0.0
    if not 1 <= scale <= 1e10:
        raise BadInput(f"scale-denominator is '{text[:40]}'; a number from 1 to 1e10", parameter="scale-denominator")
    return scale


def _background(given: Mapping[str, str]) -> Colour | None:
    """Return what is seen where the raster has nothing; None is transparent."""
    transparent, colour = given.get("transparent"), given.get("bgcolor")
    if transparent not in {None, "true", "false"}:
        raise BadInput(f"transparent is '{str(transparent)[:40]}'; allowed are true, false", parameter="transparent")
    match = _COLOUR.fullmatch(colour or "FFFFFF")
    if match is None:
        raise BadInput(f"bgcolor is '{str(colour)[:40]}'; six hexadecimal digits, RRGGBB", parameter="bgcolor")
    if transparent == "true" or (transparent is None and colour is None):
        return None
    red, green, blue = bytes.fromhex(match[1])
    return red, green, blue


async def _collection(visit: Visit, names: Mapping[str, str]) -> Answer:
    raster = await visit.state.rasters.get(names["raster"], visit.actor)
    return written(visit, described(visit, raster), "application/json")


def described(visit: Visit, raster: Raster) -> dict[str, Any]:
    """Describe a raster as a collection."""
    url = f"{visit.ogc}/collections/{raster.id}"
    extent: dict[str, Any] = {"spatial": {"bbox": [raster.extent_crs84], "crs": CRS84.uri}}
    if raster.times:
        extent["temporal"] = {"interval": [[rfc3339(raster.times[0]), rfc3339(raster.times[-1])]]}
    maps = [
        {"rel": f"{REL}/map", "type": MEDIA[MAP_FORMATS[f]], "title": f"{visit.title('地图', 'Map')} {f}",
         "href": f"{url}/map?f={f}"}
        for f in ("png", "jpg")
    ]  # fmt: skip
    tiles = {"type": "application/json", "title": visit.title("地图瓦片", "Map tiles"), "href": f"{url}/map/tiles"}
    return {
        "id": raster.id,
        "title": raster.title,
        "description": visit.title("栅格", "Raster"),
        "dataType": "coverage",
        "extent": extent,
        "crs": [crs.uri for crs in SERVED],
        "storageCrs": storage_crs(raster).uri,
        "dataGrade": raster.grade,
        "synthetic": raster.synthetic,
        "links": [
            {"rel": "self", "type": "application/json", "title": raster.title, "href": url},
            *maps,
            {"rel": f"{REL}/tilesets-map", **tiles},
        ],
    }


def raster_collections(visit: Visit) -> list[dict[str, Any]]:
    """Describe the rasters that no layer of the same id hides; called in a worker thread."""
    found = from_thread.run(visit.state.rasters.visible, visit.actor)
    layers = set(visit.catalog.visible_ids(visit.actor))
    return [described(visit, raster) for raster in found if raster.id not in layers]


async def _tilesets(visit: Visit, names: Mapping[str, str]) -> Answer:
    raster = await visit.state.rasters.get(names["raster"], visit.actor)
    document: dict[str, object] = {"tilesets": [_tileset(visit, raster, grid) for grid in GRIDS.values()]}
    return written(visit, document, "application/json")


async def _one_tileset(visit: Visit, names: Mapping[str, str]) -> Answer:
    raster = await visit.state.rasters.get(names["raster"], visit.actor)
    return written(visit, _tileset(visit, raster, grid_of(names["set"])), "application/json")


def _tileset(visit: Visit, raster: Raster, grid: TileMatrixSet) -> dict[str, Any]:
    url = f"{visit.ogc}/collections/{raster.id}/map/tiles/{grid.id}"
    west, south, east, north = raster.extent_crs84
    items = [
        {"rel": "item", "type": MEDIA[MAP_FORMATS[f]], "title": f, "templated": True,
         "href": f"{url}/{{tileMatrix}}/{{tileRow}}/{{tileCol}}?f={f}"}
        for f in ("png", "webp")
    ]  # fmt: skip
    return {
        "title": raster.title,
        "dataType": "map",
        "crs": grid.crs,
        "tileMatrixSetId": grid.id,
        "tileMatrixSetURI": grid.uri or f"{visit.ogc}/TileMatrixSets/{grid.id}",
        "boundingBox": {"lowerLeft": [west, south], "upperRight": [east, north]},
        "links": [
            {"rel": "self", "type": "application/json", "title": grid.id, "href": url},
            matrix_set_link(visit, grid),
            *items,
        ],
    }


@dataclass(frozen=True, slots=True)
class RasterFirst:
    """One address for collections of both kinds: a raster's, where there is one and no layer of that id."""

    layers: Endpoint
    rasters: Endpoint

    @property
    def path(self) -> str:
        """Below ``/ogc``."""
        return self.layers.path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand on to whose it is; a raster that is hidden from who asks is not there."""
        state, name = scope["app"].state.shared, scope["path_params"]["collection"]
        try:
            actor = state.authenticator.actor(scope["headers"])
            is_raster = name not in state.catalog.current and name in {r.id for r in await state.rasters.visible(actor)}
        except OneMapError:
            is_raster = False  # the other one tells what is wrong
        if is_raster:
            await self.rasters({**scope, "path_params": {"raster": name}}, receive, send)
        else:
            await self.layers(scope, receive, send)


def raster_first(endpoint: Endpoint) -> RasterFirst:
    """Let an endpoint of a collection answer for rasters too."""
    return RasterFirst(endpoint, Endpoint(endpoint.path, _collection, formats=(GEOJSON,)))


_ONE = "/collections/{raster}/map"
ENDPOINTS = (
    MapEndpoint(_ONE, _map, None),
    Endpoint(f"{_ONE}/tiles", _tilesets, formats=(GEOJSON,)),
    Endpoint(f"{_ONE}/tiles/{{set}}", _one_tileset, formats=(GEOJSON,)),
)
