"""The surroundings of the layers: the ground, the district, the area outside it, the frame."""

from __future__ import annotations

from typing import Any

from layers.types import Json
from tiles.styles.theme import Theme

NOTHING: Json = {"type": "FeatureCollection", "features": []}
_WORLD = [[-180, -85], [180, -85], [180, 85], [-180, 85], [-180, -85]]


def frame_sources(outline: Json | None) -> Json:
    """Return the sources of the district and of the area outside; `outline` is a GeoJSON polygon, or None."""
    return {
        "district": {"type": "geojson", "data": outline or NOTHING},
        "outside": {"type": "geojson", "data": _outside(outline)},
    }


def _outside(outline: Json | None) -> Json:
    if not outline:
        return NOTHING
    polygons: list[Any] = [outline["coordinates"]] if outline["type"] == "Polygon" else outline["coordinates"]
    holes = [rings[0] for rings in polygons]
    return {
        "type": "Feature",
        "properties": {},
        "geometry": {"type": "Polygon", "coordinates": [_WORLD, *holes]},
    }


def ground(theme: Theme, *, framed: bool) -> list[Json]:
    """Return the style layers below everything; without a district the whole world has its colour."""
    color = theme.outside if framed else theme.district
    return [
        {"id": "ground", "type": "background", "paint": {"background-color": color}},
        {
            "id": "district",
            "type": "fill",
            "source": "district",
            "paint": {"fill-color": theme.district, "fill-antialias": False},
        },
    ]


def around(theme: Theme) -> list[Json]:
    """Return the style layers that dim the outside and frame the district."""
    line: Json = {"type": "line", "source": "district", "layout": {"line-join": "round"}}
    glow = {
        "line-color": theme.frame,
        "line-width": theme.frame_glow_px,
        "line-blur": theme.frame_glow_px * 0.9,
        "line-opacity": 0.28,
    }
    frame = {"line-color": theme.frame, "line-width": ["interpolate", ["linear"], ["zoom"], 9, 1.2, 16, 2.4]}
    return [
        {
            "id": "outside",
            "type": "fill",
            "source": "outside",
            "paint": {"fill-color": theme.outside, "fill-opacity": theme.outside_opacity, "fill-antialias": False},
        },
        *([{**line, "id": "frame-glow", "paint": glow}] if theme.frame_glow_px else []),
        {**line, "id": "frame", "paint": {**frame, "line-opacity": 0.85}},
    ]
