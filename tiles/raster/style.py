"""The style of a raster: its bands, stretch and colours, checked before anything is read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from layers.errors import BadInput

Form = Literal["values", "hillshade", "slope", "terrain"]
Format = Literal["png", "webp", "jpg", "npy", "tif"]
type Rgb = tuple[int, int, int]  # red, green, blue, 0 to 255

WHITE: Rgb = (255, 255, 255)
FORMS: tuple[Form, ...] = ("values", "hillshade", "slope", "terrain")
MEDIA: Mapping[Format, str] = {
    "png": "image/png",
    "webp": "image/webp",
    "jpg": "image/jpeg",
    "npy": "application/octet-stream",
    "tif": "image/tiff; application=geotiff",
}
COLORMAPS = (
    "viridis", "cividis", "magma", "inferno", "plasma", "turbo", "terrain", "gist_earth", "blues", "greens", "reds",
    "ylgnbu", "ylorrd", "rdylbu", "rdylgn_r", "spectral_r", "gray", "gray_r",
)  # fmt: skip
PARAMETERS = ("bands", "expression", "rescale", "colormap", "form", "azimuth", "altitude", "v")
_EXPRESSION = re.compile(r"[b0-9+\-*/(). ]{1,200}")
_BAND = re.compile(r"b([1-9][0-9]?)")


@dataclass(frozen=True, slots=True)
class RasterStyle:
    """A checked style of a raster.

    Attributes
    ----------
    bands
        Numbers from 1; empty for the first, or the first three of an image.
    expression
        A formula of bands by name, ``(b4-b3)/(b4+b3)``; None shows bands as they are.
    rescale
        The values at the ends of the colour scale; None takes the lowest and highest of the whole raster.
    form
        The relief computed of heights, or the values themselves.
    """

    bands: tuple[int, ...] = ()
    expression: str | None = None
    rescale: tuple[float, float] | None = None
    colormap: str | None = None
    form: Form = "values"
    azimuth_deg: float = 315.0
    altitude_deg: float = 45.0


def read_style(params: Mapping[str, str], band_count: int) -> RasterStyle:
    """Check the style parameters of a raster and return the style.

    Raises
    ------
    BadInput
        For anything unknown or malformed; the message says what was given and what is allowed.
    """
    for name in params:
        if name not in PARAMETERS:
            raise BadInput(f"there is no parameter '{name[:80]}'; allowed are {', '.join(PARAMETERS)}", parameter=name)
    form = params.get("form", "values")
    if form not in FORMS:
        raise BadInput(f"form is '{form[:40]}'; allowed are {', '.join(FORMS)}", parameter="form")
    return RasterStyle(
        bands=_bands(params.get("bands"), band_count),
        expression=_expression(params.get("expression"), band_count),
        rescale=_rescale(params.get("rescale")),
        colormap=_colormap(params.get("colormap")),
        form=form,
        azimuth_deg=_number(params, "azimuth", 315.0, 0.0, 360.0),
        altitude_deg=_number(params, "altitude", 45.0, 0.0, 90.0),
    )


def _bands(text: str | None, count: int) -> tuple[int, ...]:
    if text is None:
        return ()
    parts = text.split(",")
    good = len(parts) in {1, 3} and all(p.isascii() and p.isdigit() and 1 <= int(p) <= count for p in parts)
    if not good:
        raise BadInput(f"bands is '{text[:40]}'; one number or three, from 1 to {count}, by comma", parameter="bands")
    return tuple(map(int, parts))


def _expression(text: str | None, count: int) -> str | None:
    if text is None:
        return None
    used = [int(number) for number in _BAND.findall(text)]
    if not _EXPRESSION.fullmatch(text) or not used or max(used) > count or "**" in text:
        allowed = f"b1 to b{count}, numbers, + - * / and parentheses"
        raise BadInput(f"expression is '{text[:80]}'; it may hold {allowed}", parameter="expression")
    try:
        compile(text, "expression", "eval")
    except SyntaxError as error:
        raise BadInput(f"expression '{text[:80]}' cannot be read", parameter="expression") from error
    return text


def _rescale(text: str | None) -> tuple[float, float] | None:
    if text is None:
        return None
    try:
        low, high = map(float, text.split(","))
    except ValueError:
        low = high = 0.0
    if not low < high or abs(low) > 1e12 or abs(high) > 1e12:
        raise BadInput(f"rescale is '{text[:40]}'; two numbers by comma, the lower first", parameter="rescale")
    return low, high


def _colormap(text: str | None) -> str | None:
    if text is not None and text not in COLORMAPS:
        raise BadInput(f"colormap is '{text[:40]}'; allowed are {', '.join(COLORMAPS)}", parameter="colormap")
    return text


def _number(params: Mapping[str, str], name: str, default: float, low: float, high: float) -> float:
    text = params.get(name)
    if text is None:
        return default
    try:
        value = float(text)
    except ValueError:
        value = low - 1
    if not low <= value <= high:
        raise BadInput(f"{name} is '{text[:40]}'; a number from {low:g} to {high:g}", parameter=name)
    return value
