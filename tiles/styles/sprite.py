"""A sprite sheet of pictograms in dark and light ink, drawn from the SVG files of icon sets."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import resvg_py

from layers.definition import LayerDefinition
from layers.errors import Unavailable
from tiles.styles.drawn import StyleExpression

DARK, LIGHT = "-dark", "-light"  # suffixes of names: the ink
_INKS = {DARK: "#0b1424", LIGHT: "#ffffff"}
_SIDE, _GAP = 15, 2  # pixels
_SUBSTITUTE = '<circle cx="7.5" cy="7.5" r="4"/>'  # for a name that is in no set
_FILE = re.compile(r"<svg([^>]*)>(.*)</svg>", re.DOTALL)
_BOX = re.compile(r'viewBox="([\d.\s-]+)"')


def pictogram_of(definition: LayerDefinition, carried: Collection[str]) -> StyleExpression:
    """Return an expression of the name of a feature's pictogram, without its ink.

    Raises
    ------
    ValueError
        When the layer has no pictogram.
    """
    hints = definition.map
    if hints.icon is None:
        raise ValueError(f"layer {definition.id} has no pictogram")
    if hints.icon_by not in carried or not hints.icons:
        return hints.icon
    pairs = [part for code, name in sorted(hints.icons.items()) for part in (code, name)]
    return ["match", ["to-string", ["get", hints.icon_by]], *pairs, hints.icon]


def pictograms(definitions: Iterable[LayerDefinition]) -> tuple[str, ...]:
    """Return the names of all pictograms of layers, sorted."""
    hints = [definition.map for definition in definitions]
    return tuple(sorted({name for one in hints for name in (one.icon, *one.icons.values()) if name}))


@dataclass(frozen=True, slots=True)
class Sprite:
    """A sprite sheet of MapLibre.

    Attributes
    ----------
    index
        The place of each name on the sheet, in pixels.
    png
        The image of the sheet.
    """

    index: dict[str, dict[str, int]]
    png: bytes


@lru_cache(maxsize=16)
def draw_sprite(names: tuple[str, ...], folders: tuple[Path, ...], ratio: int) -> Sprite:
    """Draw a sheet.

    Parameters
    ----------
    names
        Pictograms; each is drawn in both inks. A name that is in no set is drawn as a dot.
    folders
        Icon sets, folders of SVG files; the first set with a name is used.
    ratio
        Pixels of the sheet per pixel of the map, 1 or 2.

    Raises
    ------
    Unavailable
        When no icon set is installed.
    """
    if not any(folder.is_dir() for folder in folders):
        raise Unavailable("the icons are not installed; run `./onemap up`, or `npm ci` in server/web")
    marks = [(name + ink, _inside(name, folders), color) for name in names for ink, color in _INKS.items()]
    step = _SIDE + _GAP
    columns = max(1, math.isqrt(max(0, len(marks) - 1)) + 1)
    rows = max(1, -(-len(marks) // columns))
    places = [(number % columns * step, number // columns * step) for number in range(len(marks))]
    drawn = "".join(
        f'<g transform="translate({x} {y})" fill="{color}">{inside}</g>'
        for (_, inside, color), (x, y) in zip(marks, places, strict=True)
    )
    sheet = f'<svg xmlns="http://www.w3.org/2000/svg" width="{columns * step}" height="{rows * step}">{drawn}</svg>'
    png = resvg_py.svg_to_bytes(svg_string=sheet, zoom=float(ratio), skip_system_fonts=True)
    index = {
        name: {"x": x * ratio, "y": y * ratio, "width": _SIDE * ratio, "height": _SIDE * ratio, "pixelRatio": ratio}
        for (name, _, _), (x, y) in zip(marks, places, strict=True)
    }
    return Sprite(index, bytes(png))


@lru_cache(maxsize=256)
def mark(name: str, folders: tuple[Path, ...]) -> str:
    """Return a pictogram, by its name with the suffix of the ink, as a piece of SVG of 15 by 15 pixels."""
    ink = DARK if name.endswith(DARK) else LIGHT
    return f'<g fill="{_INKS[ink]}">{_inside(name.removesuffix(ink), folders)}</g>'


def _inside(name: str, folders: Iterable[Path]) -> str:
    for folder in folders:
        path = folder / f"{name}.svg"
        if path.is_file():
            found = _FILE.search(path.read_text(encoding="utf-8"))
            box = _BOX.search(found[1]) if found else None
            if found and box:
                return f'<svg width="{_SIDE}" height="{_SIDE}" viewBox="{box[1]}">{found[2]}</svg>'
    return _SUBSTITUTE
