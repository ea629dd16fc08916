"""The format, the size and the background of a map; `f` decides the format, then the Accept header."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from layers.errors import BadInput
from server.formats.accept import accepted_types
from tiles.raster.style import Format, Rgb

SIDE_MAX = 2048  # pixels along a side of a tile
_COLOUR = re.compile(r"(?:0x|#)?([0-9a-fA-F]{6})")


@dataclass(frozen=True, slots=True)
class MapForm:
    """A format of maps.

    Attributes
    ----------
    values
        Whether it holds measured values instead of colours.
    """

    f: str
    format: Format
    type: str
    title: str
    values: bool = False


PNG = MapForm("png", "png", "image/png", "PNG")
JPEG = MapForm("jpg", "jpg", "image/jpeg", "JPEG")
WEBP = MapForm("webp", "webp", "image/webp", "WebP")
TIFF = MapForm("tif", "tif", "image/tiff; application=geotiff", "GeoTIFF")
VALUES = MapForm("values", "tif", TIFF.type, "GeoTIFF of values, not of colours", values=True)
PICTURES = (PNG, JPEG, WEBP, TIFF)
_BY_F = {form.f: form for form in (*PICTURES, VALUES)} | {"jpeg": JPEG, "tiff": TIFF}
_BY_TYPE = {form.type.partition(";")[0]: form for form in PICTURES} | {"image/*": PNG, "*/*": PNG}


def form_of(f: str | None, accept: str, *, values: bool) -> MapForm:
    """Choose the format.

    Parameters
    ----------
    f
        The query parameter, which decides; None when it was not given.
    accept
        The Accept header; when it names no known format, PNG is sent.
    values
        Whether values are available: rasters have them, layers do not.

    Raises
    ------
    BadInput
        For an `f` that is not offered.
    """
    if f is not None:
        form = _BY_F.get(f)
        if form is None or (form.values and not values):
            allowed = ", ".join(name for name, one in _BY_F.items() if values or not one.values)
            raise BadInput(f"f is '{f[:40]}'; allowed are {allowed}", parameter="f")
        return form
    return next((_BY_TYPE[kind] for kind in accepted_types(accept) if kind in _BY_TYPE), PNG)


def ground_of(given: Mapping[str, str]) -> Rgb | None:
    """Return the background from ``transparent`` and ``bgcolor``; None is transparent.

    Raises
    ------
    BadInput
        When one of them is malformed.
    """
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


def tile_size(given: Mapping[str, str], pixels: int) -> tuple[int, int]:
    """Return width and height of a tile in pixels; a missing one equals the other.

    Raises
    ------
    BadInput
        When one of them is no number from 1 to `SIDE_MAX`.
    """
    width, height = (
        read_pixels(given[name], name, SIDE_MAX) if name in given else None for name in ("width", "height")
    )
    return width or height or pixels, height or width or pixels


def read_pixels(text: str, name: str, most: int = 999_999) -> int:
    """Return a number of pixels.

    Raises
    ------
    BadInput
        When the text is no number from 1 to `most`.
    """
    if not (text.isascii() and text.isdigit() and 0 < len(text) < 7 and 1 <= int(text) <= most):
        raise BadInput(f"{name} is '{text[:40]}'; it is a number of pixels from 1 to {most}", parameter=name)
    return int(text)
