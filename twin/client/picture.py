"""A still picture of features over the server's own map: SVG that a notebook keeps, and that needs no network later."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

import shapely

from twin.client.transport import Transport

EARTH_RADIUS_M = 6_378_137.0  # of Web Mercator, EPSG:3857
_MARGIN = 0.06
_SIDE_DEG_MIN = 0.002  # a single point still has surroundings
_POINT_PX = 5
_ROW_PX, _WIDE_PX, _NARROW_PX = 20, 12, 7
_TEXT = 'font-family="sans-serif" font-size="12" fill="#22303c"'


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture for a notebook: `_repr_svg_` shows it, `svg` is its text."""

    svg: str = field(repr=False)

    def _repr_svg_(self) -> str:
        return self.svg


@dataclass(frozen=True, slots=True)
class View:
    """A box in degrees on a canvas in pixels, in Web Mercator.

    Attributes
    ----------
    bbox_crs84
        West, south, east, north.
    width_px, height_px
        Of the canvas; the height follows from the box.
    """

    bbox_crs84: tuple[float, float, float, float]
    width_px: int
    height_px: int

    def place(self, lonlat: Any) -> Any:
        """Return places on the canvas of an array of longitudes and latitudes, shape (n, 2)."""
        import numpy as np  # noqa: PLC0415  # shapely brings it

        west, south, east, north = self.bbox_crs84
        x = (lonlat[:, 0] - west) / (east - west) * self.width_px
        top, bottom = _mercator(north), _mercator(south)
        y = (top - np.arcsinh(np.tan(np.radians(lonlat[:, 1])))) / (top - bottom) * self.height_px
        return np.column_stack([x, y])


def _bounds(geometries: Sequence[Any]) -> Sequence[float]:
    there = [one for one in geometries if one is not None and not one.is_empty]
    if not there:
        raise ValueError("there is nothing to draw: no feature has a place")
    bounds: Sequence[float] = shapely.total_bounds(there)
    return bounds


def view_of(bounds: Sequence[float], width_px: int) -> View:
    """Return a view of a box, in degrees, with a margin around it."""
    west, south, east, north = bounds
    across = max(east - west, north - south, _SIDE_DEG_MIN)
    margin = across * _MARGIN + (across - max(east - west, north - south)) / 2
    box = (west - margin, south - margin, east + margin, north + margin)
    height = width_px * (_mercator(box[3]) - _mercator(box[1])) / math.radians(box[2] - box[0])
    return View(box, width_px, max(1, round(height)))


def _mercator(lat_deg: float) -> float:
    return math.asinh(math.tan(math.radians(lat_deg)))


def draw(
    transport: Transport,
    geometries: Sequence[Any],
    fills: Sequence[str],
    *,
    width_px: int = 800,
    style: str = "light",
    ground: Sequence[str] = (),
    title: str = "",
    labels: Sequence[str] = (),
    legend: Sequence[tuple[str, str]] = (),
) -> Picture:
    """Draw features over the server's map.

    Parameters
    ----------
    geometries
        Shapely geometries in degrees; None is left out.
    fills
        A CSS colour for each.
    style
        A style of the server for the ground.
    ground
        Layers under the features; when empty, those that the style shows at this scale.
    labels
        A text for each, shown by the pointer; none when empty.
    legend
        Colours and their words, shown in a corner.

    Raises
    ------
    ValueError
        When no feature has a place.
    TwinError
        When the server refuses its map, or is away.
    """
    view = view_of(_bounds(geometries), width_px)
    below = transport.get(
        f"/ogc/styles/{style}/map",
        {
            "collections": ",".join(ground) or None,
            "crs": "EPSG:3857",
            "bbox": ",".join(f"{number:.7f}" for number in view.bbox_crs84),
            "width": view.width_px,
            "height": view.height_px,
            "f": "png",
        },
    )
    image = base64.b64encode(below.content).decode()
    size = f'width="{view.width_px}" height="{view.height_px}"'
    shapes = "".join(_shapes(view, geometries, fills, labels))
    head = f'<title>{escape(title)}</title><image href="data:image/png;base64,{image}" {size}/>'
    box = f'viewBox="0 0 {view.width_px} {view.height_px}"'
    return Picture(
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} {box}>{head}{shapes}{_legend(view, legend, title)}</svg>'
    )


def _legend(view: View, legend: Sequence[tuple[str, str]], title: str) -> str:
    if not legend:
        return ""
    rows = [(title, None), *((words, color) for color, words in legend)]
    height = _ROW_PX * len(rows) + 10
    width = max(_text_px(words) for words, _ in rows) + 56
    top = view.height_px - height - 10
    lines = [f'<rect x="10" y="{top}" width="{width}" height="{height}" rx="4" fill="#fff" fill-opacity="0.92"/>']
    for number, (words, color) in enumerate(rows):
        y = top + 5 + _ROW_PX * number
        if color:
            lines.append(f'<rect x="20" y="{y + 4}" width="14" height="12" fill="{escape(color)}"/>')
        lines.append(f'<text x="{42 if color else 20}" y="{y + 14}" {_TEXT}>{escape(words)}</text>')
    return "".join(lines)


def _text_px(words: str) -> int:
    return sum(_WIDE_PX if letter > "\u2e80" else _NARROW_PX for letter in words)  # Han letters are square


def _shapes(view: View, geometries: Sequence[Any], fills: Sequence[str], labels: Sequence[str]) -> Iterator[str]:
    for number, (geometry, fill) in enumerate(zip(geometries, fills, strict=True)):
        if geometry is None or geometry.is_empty:
            continue
        words = f"<title>{escape(str(labels[number]))}</title>" if labels else ""
        for part in shapely.get_parts([geometry]):
            yield _shape(view, part, escape(fill), words)


def _shape(view: View, part: Any, fill: str, words: str) -> str:
    if part.geom_type == "Point":
        (x, y), *_ = view.place(shapely.get_coordinates(part))
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{_POINT_PX}" fill="{fill}" stroke="#fff">{words}</circle>'
    if part.geom_type == "Polygon":
        rings = "".join(_line(view, ring) + "Z" for ring in (part.exterior, *part.interiors))
        look = f'fill="{fill}" fill-opacity="0.6" fill-rule="evenodd" stroke="#fff" stroke-width="0.5"'
        return f'<path d="{rings}" {look}>{words}</path>'
    return f'<path d="{_line(view, part)}" fill="none" stroke="{fill}" stroke-width="2">{words}</path>'


def _line(view: View, line: Any) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in view.place(shapely.get_coordinates(line)))
