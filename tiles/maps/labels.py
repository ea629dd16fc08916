"""Names on a map in SVG, each placed whole where there is room, or left out."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from layers.types import Json
from tiles.maps.shapes import Shape
from tiles.styles.expression import StyledFeature, evaluate

FONTS = "Noto Sans SC, Noto Sans CJK SC, WenQuanYi Micro Hei, Source Han Sans SC, sans-serif"
_NAMES_MAX = 600  # on one map
_NARROW_EM = 0.56  # width of a letter or digit; others are as wide as high
_RISE_EM = 0.36  # from the middle of a line of text down to its baseline
_LINE_EM = 1.2
_STRAIGHT_PIXELS = 3.0  # a line that bends less is straight enough for a name
_BAD_CHARACTERS = dict.fromkeys((*range(32), 0xFFFE, 0xFFFF))  # not allowed in XML

type PixelBox = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class _Spot:
    x: float
    y: float
    degrees: float = 0.0


class Labels:
    """The names of a map, the more important placed first.

    Parameters
    ----------
    frame
        Left, top, right, bottom of the map. A name that does not lie inside as a whole is left out, so that no name
        is cut in two where two tiles meet.
    """

    def __init__(self, frame: PixelBox) -> None:
        self._frame = frame
        self._occupied: list[PixelBox] = []
        self._elements: list[str] = []

    def place(self, layer: Json, features: Sequence[tuple[Shape, StyledFeature]]) -> None:
        """Place the names of a style layer as far as there is room."""
        layout, paint = layer["layout"], layer.get("paint", {})
        if "text-field" not in layout:
            return
        for shape, feature in features:
            if len(self._elements) >= _NAMES_MAX:
                return
            text = str(evaluate(layout["text-field"], feature)).translate(_BAD_CHARACTERS).strip()
            if text:
                values = {name: evaluate(value, feature) for name, value in (layout | paint).items() if name in _READ}
                self._place_name(shape.geometry, text, values)

    def elements(self) -> Iterator[str]:
        """Yield the names as SVG elements; a name placed earlier lies above later ones."""
        yield from reversed(self._elements)

    def _place_name(self, geometry: BaseGeometry, text: str, values: dict[str, Any]) -> None:
        size = values["text-size"]
        along = values.get("symbol-placement") == "line"
        lines = [text] if along else _wrap(text, values.get("text-max-width", 10))
        width, height = max(map(_ems, lines)) * size, len(lines) * _LINE_EM * size
        spot = _middle_along(geometry, width) if along else _first_place(geometry)
        if spot is None:
            return
        shift = values.get("text-offset", [0, 0])[1] * size
        top = spot.y + shift if values.get("text-anchor") == "top" else spot.y - height / 2
        turn = math.radians(spot.degrees)
        half_x = (abs(width * math.cos(turn)) + abs(height * math.sin(turn))) / 2
        half_y = (abs(width * math.sin(turn)) + abs(height * math.cos(turn))) / 2
        middle = spot.y if along else top + height / 2
        room = values.get("text-padding", 2)
        if self._fits((spot.x - half_x, middle - half_y, spot.x + half_x, middle + half_y), room):
            self._elements += [
                _text_element(line, spot, middle + (number - (len(lines) - 1) / 2) * _LINE_EM * size, size, values)
                for number, line in enumerate(lines)
            ]

    def _fits(self, box: PixelBox, room: float) -> bool:
        left, top, right, bottom = box
        frame = self._frame
        if left < frame[0] or top < frame[1] or right > frame[2] or bottom > frame[3]:
            return False
        wide = (left - room, top - room, right + room, bottom + room)
        if any(wide[0] < o[2] and o[0] < wide[2] and wide[1] < o[3] and o[1] < wide[3] for o in self._occupied):
            return False
        self._occupied.append(wide)
        return True


_READ = {
    "text-size", "text-max-width", "text-anchor", "text-offset", "text-padding", "symbol-placement", "text-color",
    "text-halo-color", "text-halo-width",
}  # fmt: skip


def _text_element(line: str, spot: _Spot, middle: float, size: float, values: dict[str, Any]) -> str:
    turned = f' transform="rotate({spot.degrees:.1f} {spot.x:.1f} {middle:.1f})"' if spot.degrees else ""
    halo, color = values.get("text-halo-color"), values["text-color"]
    around = ""
    if halo:
        wide = 2 * values.get("text-halo-width", 1)
        around = f' stroke="{halo}" stroke-width="{wide:.3g}" stroke-linejoin="round" paint-order="stroke"'
    place = f'x="{spot.x:.1f}" y="{middle + _RISE_EM * size:.1f}" font-size="{size:.3g}"'
    look = f'font-family="{FONTS}" text-anchor="middle" fill="{color}"'
    return f"<text {place} {look}{around}{turned}>{escape(line)}</text>"


def _ems(text: str) -> float:
    return sum(_NARROW_EM if character.isascii() else 1.0 for character in text)


def _wrap(text: str, ems: float) -> list[str]:
    lines, line = [], ""
    for character in text:
        if line and _ems(line + character) > ems:
            lines.append(line)
            line = ""
        line += character
    return [*lines, line]


def _first_place(geometry: BaseGeometry) -> _Spot | None:
    places = shapely.get_coordinates(geometry)
    return _Spot(*places[0]) if len(places) else None


def _middle_along(geometry: BaseGeometry, width: float) -> _Spot | None:
    """Return the middle of the longest straight piece of a line, if it is longer than a name of this width."""
    best, longest = None, width
    for part in shapely.get_parts(geometry):
        places = shapely.get_coordinates(part.simplify(_STRAIGHT_PIXELS))
        steps = np.diff(places, axis=0)
        lengths = np.hypot(*steps.T)
        if len(lengths) and lengths.max() > longest:
            at = int(lengths.argmax())
            longest = float(lengths[at])
            (x, y), (across, down) = (places[at] + places[at + 1]) / 2, steps[at]
            if across < 0:  # so that the name reads from left to right
                across, down = -across, -down
            best = _Spot(float(x), float(y), math.degrees(math.atan2(down, across)))
    return best
