"""Map tiles at their OGC addresses: of a raster, a layer or the dataset; in a style, a format and a size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote

from layers.actor import Actor
from layers.catalog import Layer
from layers.errors import NotFound
from server.audit.touched import touch_graded
from server.http.parameters import parameters_of
from server.state import State
from server.tiles.form import MapForm, form_of, ground_of, tile_size
from server.tiles.mapped import MapCall, map_picture, tile_area
from server.tiles.moment import When, when_of
from server.tiles.parameters import kept_text, layers_of, parts_of
from server.tiles.raster import RasterTile, stretch
from tiles.address import TileAddress
from tiles.cache import TileRequest
from tiles.grids import grid_of
from tiles.maps.encode import bands_of, encode_image, values_tiff
from tiles.raster.members import Raster
from tiles.raster.opened import OpenRasters
from tiles.raster.reading import PixelArea
from tiles.raster.render import TILE_PIXELS, RasterView, render
from tiles.raster.style import RasterStyle, Rgb, read_style
from tiles.styles.theme import theme_of

STYLE = "light"  # the default
OWN = ("f", "width", "height", "datetime", "transparent", "bgcolor")
_PREFIX, _MIDDLE = "/ogc/", "map/tiles/"


@dataclass(frozen=True, slots=True)
class MapTilePath:
    """The parts of an address.

    Attributes
    ----------
    name
        Id of a layer or raster; None means the dataset.
    style
        None means the default style.
    """

    name: str | None
    style: str | None
    address: TileAddress


@lru_cache(maxsize=4096)
def map_tile_path(raw_path: str) -> MapTilePath | None:
    """Return the parts of ``/ogc[/collections/{id}][/styles/{style}]/map/tiles/{set}/{z}/{row}/{col}``.

    None for any other address.

    Raises
    ------
    NotFound
        When there is no such tile or tile matrix set.
    """
    if not raw_path.startswith(_PREFIX) or _MIDDLE not in raw_path:
        return None
    before, _, after = raw_path[len(_PREFIX) :].partition(_MIDDLE)
    place = [unquote(part) for part in before.split("/")[:-1]]
    numbers = after.split("/")
    named = dict(zip(place[::2], place[1::2], strict=False))
    kinds = tuple(place[::2])
    if (
        len(numbers) != 4
        or len(place) % 2
        or kinds not in {(), ("collections",), ("styles",), ("collections", "styles")}
    ):
        return None
    scheme, z, row, column = numbers
    if not all(part.isascii() and part.isdigit() and len(part) < 40 for part in (z, row, column)):
        raise NotFound(f"'{raw_path[:100]}' is no tile; its numbers are {{tileMatrix}}/{{tileRow}}/{{tileCol}}")
    address = TileAddress(int(z), int(column), int(row), grid_of(unquote(scheme)))
    return MapTilePath(named.get("collections"), named.get("styles"), address)


async def map_tile(path: MapTilePath, query_string: str, accept: str, actor: Actor, state: State) -> RasterTile:
    """Return a map tile, drawn or from the cache.

    Raises
    ------
    NotFound
        For a layer, raster or style that does not exist or is hidden from the actor; for a moment before the first.
    BadInput
        For parameters that are unknown or malformed.
    """
    given = parameters_of(query_string, state.settings.limits) if query_string else {}
    catalog = state.catalog.current
    if path.name is not None and path.name not in catalog:
        rasters = {raster.id: raster for raster in await state.rasters.visible(actor)}
        if path.name in rasters and path.style is None:
            return await _of_raster(path, rasters[path.name], given, accept, actor, state)
    rest = {name: text for name, text in given.items() if name not in OWN or name == "datetime"}
    if path.name is None:
        collections = rest.pop("collections", None)
        zoom = path.address.mercator_zoom
        layers, named = layers_of(catalog, actor, collections, zoom), collections is not None
    else:
        layers, named = [catalog.visible(path.name, actor)], True
    return await _of_layers(path, (layers, named), given, rest, accept, actor, state)


async def _of_layers(  # all that a tile of layers depends on
    path: MapTilePath,
    chosen: tuple[list[Layer], bool],
    given: Mapping[str, str],
    rest: Mapping[str, str],
    accept: str,
    actor: Actor,
    state: State,
) -> RasterTile:
    layers, named = chosen
    width, height = tile_size(given, TILE_PIXELS)
    form = form_of(given.get("f"), accept, values=False)
    call = MapCall(
        parts=parts_of(layers, actor, rest, state.settings.limits, "map"),
        actor=actor,
        area=tile_area(path.address, width, height),
        theme=theme_of(path.style or STYLE),
        form=form,
        ground=ground_of(given),
        named=named,
        grounded=path.name is None and not {"transparent", "bgcolor"} & given.keys(),
        text=kept_text(rest),
        durable=(width, height) == (TILE_PIXELS, TILE_PIXELS),
    )
    return RasterTile(await map_picture(call, state), form.type)


async def _of_raster(  # all that a tile of a raster depends on
    path: MapTilePath, raster: Raster, given: Mapping[str, str], accept: str, actor: Actor, state: State
) -> RasterTile:
    touch_graded(f"raster/{raster.id}", raster.grade, actor)
    style = read_style({name: text for name, text in given.items() if name not in OWN}, raster.bands)
    form, when, ground = form_of(given.get("f"), accept, values=True), when_of(given), ground_of(given)
    area = tile_area(path.address, *tile_size(given, TILE_PIXELS))
    grid = path.address.grid.id
    place = f"{grid}/{path.address.z}/{path.address.x}/{path.address.y}@{area.width}x{area.height}.{form.f}"
    stamp = when.frame(raster).stamp
    key = f"{state.build}|map|{raster.id}@{stamp}{stretch(raster, style)}|{place}|{style!r}|{ground}"

    def drawn(files: OpenRasters, found: Raster) -> bytes:
        return _draw_tile(files, found, when, (area, style, form, ground))

    async def draw_it() -> bytes:
        return await state.rasters.read(raster.id, actor, drawn)

    request = TileRequest(key, (), path.address.box(), packed=form.format == "tif")
    return RasterTile(await state.tiles.cache.get(request, draw_it), form.type)


def _draw_tile(
    files: OpenRasters, raster: Raster, when: When, how: tuple[PixelArea, RasterStyle, MapForm, Rgb | None]
) -> bytes:
    """Return a drawn tile of a raster; empty where the raster has no data."""
    area, style, form, ground = how
    frame = when.frame(raster)
    if form.values:
        values = render(files, RasterView(raster, frame, area, style, "npy"))
        return values and values_tiff(values, area)
    if form.format != "tif":
        return render(files, RasterView(raster, frame, area, style, form.format, ground))
    picture = render(files, RasterView(raster, frame, area, style, "png", ground))
    return picture and encode_image(bands_of(picture), "tif", area)
