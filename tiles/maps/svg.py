"""A map as SVG: a style's layers over the shapes of features, for a renderer that knows no vector tiles.

The map looks as MapLibre draws it: areas, boundaries, lines as wide as on the ground, points with pictograms, counted
cells, and the names that find room. Buildings lie flat, and glows are not blurred.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import shapely
from shapely.geometry.base import BaseGeometry

from layers.types import Json
from tiles.maps.labels import Labels
from tiles.maps.shapes import Shape, Shapes
from tiles.styles.expression import StyledFeature, evaluate
from tiles.styles.sprite import mark

_ICON_PIXELS = 15
_VISIBLE_OPACITY = 0.004  # less changes a colour by less than one step


@dataclass(frozen=True, slots=True)
class SvgMap:
    """The layers and shapes of a map, with its size.

    Attributes
    ----------
    layers
        Of a style (MapLibre style specification 8), in the order of drawing.
    width, height
        Of the image, in pixels.
    margin
        Pixels by which the shapes' sheet is wider than the image on each side.
    zoom
        Of MapLibre.
    named
        Whether the request names the layers: named layers are drawn at every zoom, and also when the style hides
        them until a reader switches them on.
    """

    layers: Sequence[Json]
    shapes: Shapes
    width: int
    height: int
    margin: int
    zoom: float
    named: bool
    icons: tuple[Path, ...]


def svg(document: SvgMap) -> str:
    """Write a map as SVG."""
    margin, width, height = document.margin, document.width, document.height
    labels = Labels((margin, margin, margin + width, margin + height))
    drawn: list[str] = []
    for layer in document.layers:
        if _is_shown(layer, document):
            drawn += _elements(layer, document)
    for layer in reversed(document.layers):  # the uppermost finds room first
        if layer["type"] == "symbol" and _is_shown(layer, document):
            labels.place(layer, _features(layer, document))
    box = f"{margin} {margin} {width} {height}"
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="{box}">'
    return "".join([head, *drawn, *labels.elements(), "</svg>"])


def _background(document: SvgMap, color: str) -> str:
    side = document.margin
    return f'<rect x="{side}" y="{side}" width="{document.width}" height="{document.height}" fill="{color}"/>'


def _is_shown(layer: Json, document: SvgMap) -> bool:
    if layer["type"] == "fill-extrusion":
        return False
    is_name = layer["type"] == "symbol"
    if document.zoom < layer.get("minzoom", 0) and (is_name or not document.named):
        return False
    return document.named or layer.get("layout", {}).get("visibility") != "none"


def _features(layer: Json, document: SvgMap) -> list[tuple[Shape, StyledFeature]]:
    """Return the shapes of a style layer that pass its filter, in the layer's sort order."""
    shapes = document.shapes.get((layer["source"], layer.get("source-layer", "")), ())
    strong_from = layer.get("minzoom", 0) + 1  # layers named in the request are as strong at lower zooms
    zoom = max(document.zoom, strong_from) if document.named else document.zoom
    found = [(shape, StyledFeature(shape.properties, shape.kind, zoom)) for shape in shapes]
    if "filter" in layer:
        found = [(shape, feature) for shape, feature in found if evaluate(layer["filter"], feature)]
    layout = layer.get("layout", {})
    key = layout.get("line-sort-key", layout.get("symbol-sort-key"))
    return found if key is None else sorted(found, key=lambda one: evaluate(key, one[1]))


def _elements(layer: Json, document: SvgMap) -> Iterator[str]:
    kind, paint, layout = layer["type"], layer.get("paint", {}), layer.get("layout", {})
    if kind == "background":
        yield _background(document, paint["background-color"])
    elif kind == "symbol":
        if "icon-image" in layout:
            yield from _icon_elements(layer, document)
    elif kind in _MARKS:
        for shape, feature in _features(layer, document):
            values = {name: evaluate(value, feature) for name, value in paint.items()}
            yield _MARKS[kind](shape.geometry, values, layout)


def _fill(geometry: BaseGeometry, paint: Mapping[str, Any], _: Json) -> str:
    opacity = paint.get("fill-opacity", 1)
    if opacity < _VISIBLE_OPACITY:
        return ""
    edge = paint.get("fill-outline-color")
    line = f' stroke="{edge}" stroke-opacity="{opacity:.3g}" stroke-width="1"' if edge else ""
    color = f'fill="{paint["fill-color"]}" fill-opacity="{opacity:.3g}"'
    return f'<path d="{path(geometry)}" {color} fill-rule="evenodd"{line}/>'


def _line(geometry: BaseGeometry, paint: Mapping[str, Any], layout: Json) -> str:
    width, opacity = paint["line-width"], paint.get("line-opacity", 1)
    if opacity < _VISIBLE_OPACITY:
        return ""
    dashes = paint.get("line-dasharray")
    dashed = f' stroke-dasharray="{" ".join(f"{part * width:.3g}" for part in dashes)}"' if dashes else ""
    ends = f'stroke-linecap="{layout.get("line-cap", "butt")}" stroke-linejoin="{layout.get("line-join", "miter")}"'
    stroke = f'stroke="{paint["line-color"]}" stroke-width="{width:.3g}" stroke-opacity="{opacity:.3g}"'
    return f'<path d="{path(geometry)}" fill="none" {stroke} {ends}{dashed}/>'


def _circle(geometry: BaseGeometry, paint: Mapping[str, Any], _: Json) -> str:
    radius, rim = paint["circle-radius"], paint.get("circle-stroke-width", 0)
    line = f' stroke="{paint["circle-stroke-color"]}" stroke-width="{rim:.3g}"' if rim else ""
    look = f'r="{radius + rim / 2:.3g}" fill="{paint["circle-color"]}" fill-opacity="{paint["circle-opacity"]:.3g}"'
    return "".join(
        f'<circle cx="{x:.4g}" cy="{y:.4g}" {look}{line}/>' for x, y in shapely.get_coordinates(geometry).tolist()
    )


_MARKS = {"fill": _fill, "line": _line, "circle": _circle}


def _icon_elements(layer: Json, document: SvgMap) -> Iterator[str]:
    layout = layer["layout"]
    for shape, feature in _features(layer, document):
        size = evaluate(layout["icon-size"], feature)
        inside = mark(evaluate(layout["icon-image"], feature), document.icons)
        for x, y in shapely.get_coordinates(shape.geometry).tolist():
            half = _ICON_PIXELS * size / 2
            yield f'<g transform="translate({x - half:.4g} {y - half:.4g}) scale({size:.3g})">{inside}</g>'


def path(geometry: BaseGeometry) -> str:
    """Write lines or areas as the data of an SVG path, to a tenth of a pixel."""
    moves = []
    for part in shapely.get_parts(geometry):
        if part.geom_type == "Polygon":
            moves += [f"{_moves(ring)}Z" for ring in (part.exterior, *part.interiors)]
        elif part.geom_type == "LineString":
            moves.append(_moves(part))
    return "".join(moves)


def _moves(line: BaseGeometry) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in shapely.get_coordinates(line).tolist())
