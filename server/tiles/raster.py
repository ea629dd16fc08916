"""Tiles of rasters: the address, the moment, the style, the cache."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote

from layers.actor import Actor
from layers.errors import NotFound
from server.audit.touched import touch_graded
from server.http.parameters import parameters_of
from server.state import State
from server.tiles.contours import contour_tile
from server.tiles.moment import When, when_of
from server.tiles.parameters import KEPT_PATH_CHARACTERS_MAX
from tiles.address import TileAddress
from tiles.cache import Tile, TileRequest
from tiles.raster.members import Raster, RasterFrame
from tiles.raster.opened import OpenRasters
from tiles.raster.reading import PixelArea
from tiles.raster.render import TILE_PIXELS, RasterView, render
from tiles.raster.style import MEDIA, Format, RasterStyle, read_style
from tiles.vector import CONTENT_TYPE

_XYZ = "/raster/"


@dataclass(frozen=True, slots=True)
class RasterPath:
    """The parts of an address.

    Attributes
    ----------
    contours
        Whether the tile is a vector tile of contours, which has no picture format.
    """

    name: str
    address: TileAddress
    format: Format = "png"
    contours: bool = False


def raster_path(raw_path: str) -> RasterPath | None:
    """Return the parts of ``/raster/{id}/{z}/{x}/{y}.{format}`` or of contours; None for any other address.

    Raises
    ------
    NotFound
        When there is no such format or tile.
    """
    return _read(raw_path) if len(raw_path) <= KEPT_PATH_CHARACTERS_MAX else _read.__wrapped__(raw_path)


@lru_cache(maxsize=4096)
def _read(raw_path: str) -> RasterPath | None:
    parts = raw_path.removeprefix(_XYZ).split("/")
    lines = len(parts) == 5 and parts[1] == "contours"
    if not raw_path.startswith(_XYZ) or not (lines or len(parts) == 4):
        return None
    name, z, x, last = parts[0], *parts[-3:]
    y, dot, suffix = last.partition(".")
    if not dot or not _are_numbers(z, x, y):
        raise NotFound(f"'{raw_path[:100]}' is no tile; the address is /raster/{{id}}/{{z}}/{{x}}/{{y}}.png")
    if lines and suffix == "mvt":
        return RasterPath(unquote(name), TileAddress(int(z), int(x), int(y)), contours=True)
    found = None if lines else next((known for known in MEDIA if known == suffix), None)
    if found is None:
        raise NotFound(
            f"there is no format '{suffix[:20]}'; there are {'mvt' if lines else ', '.join(MEDIA)}", parameter="format"
        )
    return RasterPath(unquote(name), TileAddress(int(z), int(x), int(y)), found)


def _are_numbers(*parts: str) -> bool:
    return all(part.isascii() and part.isdigit() and len(part) < 40 for part in parts)


@dataclass(frozen=True, slots=True)
class RasterTile:
    """A tile and its media type."""

    tile: Tile
    media_type: str


@dataclass(frozen=True, slots=True)
class _RasterParams:
    """The checked parameters.

    Attributes
    ----------
    text
        The style as a part of the cache's key.
    plain
        Whether the request names no style; a stranger can invent any number of styles, so they are not kept on disk.
    """

    when: When
    style: RasterStyle
    text: str
    plain: bool


def _read_params(query_string: str, raster: Raster, state: State) -> _RasterParams:
    given = parameters_of(query_string, state.settings.limits) if query_string else {}
    style = read_style({name: text for name, text in given.items() if name != "datetime"}, raster.bands)
    plain = not given.keys() - {"datetime", "v"}
    return _RasterParams(when_of(given), style, repr(style), plain)


async def raster_tile(path: RasterPath, query_string: str, actor: Actor, state: State) -> RasterTile:
    """Return a tile, drawn in a thread or from the cache.

    Raises
    ------
    NotFound
        For a raster that does not exist, is hidden from the actor, or begins after the requested moment.
    BadInput
        For parameters that are unknown or malformed.
    """
    if path.contours:
        return RasterTile(await contour_tile(path.name, path.address, query_string, actor, state), CONTENT_TYPE)
    raster = await state.rasters.get(path.name, actor)
    touch_graded(f"raster/{raster.id}", raster.grade, actor)
    params = state.plans.get(
        ("raster", raster.id, str(raster.bands), query_string),
        lambda: _read_params(query_string, raster, state),
    )
    form, style = path.format, params.style
    frame = params.when.frame(raster)
    place = f"{path.address.grid.id}/{path.address.z}/{path.address.x}/{path.address.y}.{form}"
    key = f"{state.build}|raster|{raster.id}@{frame.stamp}{stretch(raster, style)}|{place}|{params.text}"

    def draw_it(files: OpenRasters, found: Raster) -> bytes:
        shown = frame if found is raster else params.when.frame(found)
        return _draw_tile(files, found, shown, path.address, style, form)

    async def drawn() -> bytes:
        return await state.rasters.read(path.name, actor, draw_it)

    request = TileRequest(key, (), path.address.box(), params.plain, packed=form in {"npy", "tif"})
    return RasterTile(await state.tiles.cache.get(request, drawn), MEDIA[form])


def stretch(raster: Raster, style: RasterStyle) -> str:
    """Return the range of the whole raster as text, which the colours depend on unless the style has a range."""
    return "" if style.rescale else f"{raster.ranges}"


def _draw_tile(
    files: OpenRasters, raster: Raster, frame: RasterFrame, tile: TileAddress, style: RasterStyle, form: Format
) -> bytes:
    return render(files, RasterView(raster, frame, PixelArea.of_tile(tile, TILE_PIXELS), style, form))
