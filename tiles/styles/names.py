"""Names on the map: in Chinese, with a halo, the more important placed first."""

from __future__ import annotations

from typing import Any

from layers.types import Json
from tiles.styles.drawn import StyledLayer

FONT = "Noto Sans SC"
_LARGE_BELOW_ORDER = 12  # districts and streets
_ROAD_NAMES_FROM = 12.0


def area_name(layer: StyledLayer, first_zoom: float | None = None) -> list[Json]:
    """Return the names of areas, which are points of the MVT layer ``labels``."""
    if layer.label is None:
        return []
    order = layer.definition.map.order
    coded = layer.label.endswith("_code")  # long numbers appear at a deeper zoom than names, and smaller
    later = 2.5 if coded else 0 if layer.first_zoom == 0 else 1 if order < _LARGE_BELOW_ORDER else 0.8
    style = _name(layer, first_zoom or layer.first_zoom + later)
    style |= {"source-layer": "labels", "filter": ["==", ["geometry-type"], "Point"]}
    if coded:
        style["layout"]["text-size"] = 10
    return [style]


def line_name(layer: StyledLayer) -> list[Json]:
    """Return names along lines; those of lower ranks appear at deeper zooms."""
    if layer.label is None:
        return []
    first = max(layer.first_zoom + 1, _ROAD_NAMES_FROM)
    style = _name(layer, first)
    is_line = ["==", ["geometry-type"], "LineString"]
    shown_from = layer.by_rank(lambda rank: min(16, first + max(0, rank - 1)), 15)
    style["filter"] = ["all", is_line, [">=", ["zoom"], shown_from]] if layer.coloring else is_line
    style["layout"] |= {
        "symbol-placement": "line",
        "symbol-spacing": 380,
        "text-size": ["interpolate", ["linear"], ["zoom"], 13, 10.5, 17, 13],
        "text-letter-spacing": 0.1,
        "text-max-angle": 35,
    }
    style["layout"]["symbol-sort-key"] = layer.by_rank(lambda rank: rank, 50)
    if not layer.coloring:  # water: in its own colour, as on any map
        style["paint"]["text-color"] = layer.own_color
    return [style]


def point_name(layer: StyledLayer, is_point: list[Any]) -> list[Json]:
    """Return names under points."""
    if layer.label is None:
        return []
    style = _name(layer, max(layer.first_zoom + 3, 15.5)) | {"filter": is_point}
    style["layout"] |= {"text-anchor": "top", "text-offset": [0, 1], "text-size": 11, "text-max-width": 9}
    return [style]


def _name(layer: StyledLayer, first_zoom: float) -> Json:
    theme, order = layer.theme, layer.definition.map.order
    large = order < _LARGE_BELOW_ORDER
    first = layer.first_zoom
    sizes = (12.5, 17) if large else (10.5, 13)
    style = layer.styled(
        "label",
        "symbol",
        layout={
            "text-field": ["to-string", ["get", layer.label]],
            "text-font": [FONT],
            "text-size": ["interpolate", ["linear"], ["zoom"], first, sizes[0], first + 5, sizes[1]],
            "text-padding": 4,
            "text-max-width": 8,
            "symbol-sort-key": order,
        },
        paint={
            "text-color": theme.text if large else theme.text_soft,
            "text-halo-color": theme.halo,
            "text-halo-width": theme.halo_px,
        },
    )
    if large:
        style["layout"]["text-letter-spacing"] = 0.12
    return style | {"minzoom": first_zoom}
