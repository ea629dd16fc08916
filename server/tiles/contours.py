"""Vector tiles of a raster's contours: the step between lines, the moment, the cache."""

from __future__ import annotations

from collections.abc import Mapping

from layers.actor import Actor
from layers.database.connection import in_our_words
from layers.errors import BadInput
from server.audit.touched import touch_graded
from server.http.parameters import parameters_of, refuse_unknown
from server.state import State
from server.tiles.moment import when_of
from tiles.address import TileAddress
from tiles.cache import Tile, TileRequest
from tiles.raster.contours import INTERVAL_M_RANGE, Contour, contours, encode, interval_at
from tiles.raster.members import Raster
from tiles.raster.opened import OpenRasters
from tiles.raster.reading import PixelArea
from tiles.raster.render import TILE_PIXELS


def interval_of(given: Mapping[str, str], default: float) -> float:
    """Return ``interval_m``, in metres.

    Raises
    ------
    BadInput
        When the value is no number, or not in `INTERVAL_M_RANGE`.
    """
    low, high = INTERVAL_M_RANGE
    try:
        interval = float(given.get("interval_m", default))
    except ValueError:
        interval = 0.0
    if not low <= interval <= high:
        detail = f"interval_m is '{given['interval_m'][:40]}'; a number of metres from {low:g} to {high:g}"
        raise BadInput(detail, parameter="interval_m")
    return interval


async def contour_tile(name: str, address: TileAddress, query_string: str, actor: Actor, state: State) -> Tile:
    """Return a vector tile of contours, drawn or from the cache.

    Raises
    ------
    NotFound
        For a raster that does not exist, is hidden from the actor, or begins after the requested moment.
    BadInput
        For parameters that are unknown or malformed.
    TooMuch
        For an interval that would give too many lines.
    """
    raster = await state.rasters.get(name, actor)
    touch_graded(f"raster/{raster.id}", raster.grade, actor)
    given = parameters_of(query_string, state.settings.limits) if query_string else {}
    refuse_unknown(given, ("interval_m", "datetime", "v"))
    when, interval_m = when_of(given), interval_of(given, interval_at(address.z))
    place = f"{address.z}/{address.x}/{address.y}"
    key = f"{state.build}|contours|{raster.id}@{when.frame(raster).stamp}|{place}|{interval_m}"

    def lines(files: OpenRasters, found: Raster) -> list[Contour]:
        return contours(files, when.frame(found), PixelArea.of_tile(address, TILE_PIXELS), interval_m)

    async def draw() -> bytes:
        found = await state.rasters.read(name, actor, lines)
        with in_our_words():
            return await encode(state.pool, address, found)

    return await state.tiles.cache.get(TileRequest(key, (), address.box()), draw)
