"""Lines: as wide as on the ground where the width is known, else by rank; each over its casing."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from layers.types import Json
from tiles.styles.color import mix
from tiles.styles.drawn import StyledLayer, StyleExpression
from tiles.styles.names import line_name
from tiles.styles.theme import RoadTone

_IS_LINE = ["==", ["geometry-type"], "LineString"]
_METRES_A_PIXEL_0 = 72_000  # of a 512-pixel tile at 23°N and zoom 0


def line_layers(layer: StyledLayer) -> dict[str, list[Json]]:
    """Return the style layers of lines by the pass they are drawn in."""
    wide = "width_m" in layer.carried
    metres: StyleExpression = ["coalesce", ["get", "width_m"], 8] if wide else _metres(layer)
    least: StyleExpression = 1.1 if wide else _least(layer)
    layout: Json = {"line-cap": "round", "line-join": "round"}
    if not wide and layer.coloring:
        layout["line-sort-key"] = layer.by_rank(lambda rank: -rank, -99)
    casing = layer.styled(
        "casing",
        "line",
        filter=_IS_LINE,
        layout=layout,
        paint={
            "line-color": layer.theme.casing,
            "line-width": _ground_width(["+", metres, 2.2], ["+", least, 1.0]),
            "line-opacity": ["interpolate", ["linear"], ["zoom"], 11.5, 0, 13, 0.9],
        },
    )
    line = layer.styled(
        "line",
        "line",
        filter=_IS_LINE,
        layout=layout,
        paint={"line-color": _sunk(layer) if wide else _toned(layer), "line-width": _ground_width(metres, least)},
    )
    where = "water" if wide else "roads"
    return {where: [line] if wide else [casing, line], "names": line_name(layer)}


def _ground_width(metres: StyleExpression, least: StyleExpression) -> StyleExpression:
    """Return the width in pixels of metres on the ground, at least `least` pixels."""

    def at(zoom: int) -> StyleExpression:
        return ["max", least, ["*", metres, 2**zoom / _METRES_A_PIXEL_0]]

    return ["interpolate", ["exponential", 2], ["zoom"], 9, at(9), 20, at(20)]


def _metres(layer: StyledLayer) -> StyleExpression:
    return layer.by_rank(lambda rank: round(max(3.5, 30 * 0.7**rank), 2), 6)


def _least(layer: StyledLayer) -> StyleExpression:
    return layer.by_rank(lambda rank: round(max(0.3, 2.2 * 0.66**rank), 2), 0.6)


def _sunk(layer: StyledLayer) -> StyleExpression:
    theme = layer.theme
    return mix(layer.definition.map.color, theme.district, theme.water_share)


def _toned(layer: StyledLayer) -> StyleExpression:
    """Return a colour that is bright while lines are thin, and quieter as they widen with the zoom."""

    def at(tone: RoadTone) -> StyleExpression:
        if layer.coloring is None:
            return mix(layer.definition.map.color, tone.paper, tone.share)
        return layer.by_code(
            lambda code: mix(str(code.color), tone.paper, tone.share),
            mix(layer.definition.map.color, tone.paper, tone.share),
        )

    tones = layer.theme.roads
    if any(after.zoom <= before.zoom for before, after in pairwise(tones)):
        raise ValueError("the tones of roads must come by zoom")
    steps: list[Any] = [part for tone in tones for part in (tone.zoom, at(tone))]
    return ["interpolate", ["linear"], ["zoom"], *steps]
