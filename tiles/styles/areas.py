"""Areas: a faint fill and a boundary above the roads; buildings flat or in 3-D."""

from __future__ import annotations

from typing import Any

from layers.types import Json
from tiles.styles.drawn import StyledLayer, StyleExpression
from tiles.styles.names import area_name

_IS_AREA = ["==", ["geometry-type"], "Polygon"]
_STOREY_M = 6  # height of a building of unknown height
_FIRST_DASHED_ORDER = 11  # below the district, boundaries are dashed, the shorter the lower


def is_building(layer: StyledLayer) -> bool:
    """Whether the areas have heights."""
    return "height_m" in layer.carried


def area_layers(layer: StyledLayer) -> dict[str, list[Json]]:
    """Return the style layers of areas by the pass they are drawn in."""
    if is_building(layer):
        return _buildings(layer)
    tinted = layer.coloring is not None or layer.label is None
    fill = layer.styled(
        "area",
        "fill",
        filter=_IS_AREA,
        paint={
            "fill-color": layer.color(),
            "fill-opacity": layer.theme.area_opacity if tinted else 0,  # none is not drawn, and a click finds it
            "fill-antialias": False,  # the boundary lies on its edge
        },
    )
    return {"fills": [fill], "edges": [_edge(layer, tinted=tinted)], "names": area_name(layer)}


def _edge(layer: StyledLayer, *, tinted: bool) -> Json:
    """Return boundaries, finer for smaller areas, because those of small areas run along every road."""
    first = layer.first_zoom
    depth = 0 if tinted else max(0, layer.definition.map.order - _FIRST_DASHED_ORDER)
    width, strength = max(0.7, 1.8 - 0.5 * depth), max(0.35, 0.9 - 0.25 * depth)
    paint: Json = {
        "line-color": layer.edge_color,
        "line-width": ["interpolate", ["linear"], ["zoom"], first, round(width / 2, 2), first + 4, round(width, 2)],
        "line-opacity": ["interpolate", ["linear"], ["zoom"], first, round(strength / 2, 2), first + 2, strength],
    }
    if not tinted and layer.definition.map.order >= _FIRST_DASHED_ORDER:
        paint["line-dasharray"] = [max(2, 5 - 1.5 * depth), 2]
    return layer.styled("edge", "line", filter=_IS_AREA, layout={"line-join": "round"}, paint=paint)


def _buildings(layer: StyledLayer) -> dict[str, list[Json]]:
    theme = layer.theme
    height: StyleExpression = ["coalesce", ["get", "height_m"], _STOREY_M]
    ramp: list[Any] = [part for step in theme.heights for part in (step.metres, step.color)]
    shade: StyleExpression = ["interpolate", ["linear"], height, *ramp]
    flat = layer.styled(
        "building",
        "fill",
        paint={
            "fill-color": shade,
            "fill-opacity": ["interpolate", ["linear"], ["zoom"], layer.first_zoom, 0.5, layer.first_zoom + 1.5, 0.95],
            "fill-outline-color": theme.building_edge,
        },
    )
    standing = layer.styled(
        "relief",
        "fill-extrusion",
        layout={"visibility": "none"},
        paint={
            "fill-extrusion-color": shade,
            "fill-extrusion-height": height,
            "fill-extrusion-opacity": 0.92,
            "fill-extrusion-vertical-gradient": True,
        },
    )
    return {"buildings": [flat], "relief": [standing], "names": area_name(layer, first_zoom=17)}
