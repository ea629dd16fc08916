"""Points: small dots at low zooms, discs with pictograms at high ones; their density where there are too many."""

from __future__ import annotations

import math
from typing import Any

from layers.types import Json
from tiles.styles.color import luminance
from tiles.styles.drawn import StyledLayer, StyleExpression
from tiles.styles.names import point_name
from tiles.styles.sprite import DARK, LIGHT, pictogram_of

DENSE = 1500  # layers with more points than this have small dots at first
_FADED = {"online_status": ("offline", "OFF", "0")}  # of any layer, beside what its definition names
_BRIGHT = 0.36  # luminance above which a disc takes dark ink
_NEAR = 16  # zoom from which points are drawn as single objects


def point_layers(layer: StyledLayer) -> dict[str, list[Json]]:
    """Return the style layers of points by the pass they are drawn in."""
    is_point: list[Any] = ["all", ["==", ["geometry-type"], "Point"], ["!", ["has", "count"]]]
    gathered = layer.definition.map.gather_below is not None
    return {
        "points": [
            *(_cells(layer) if gathered else []),
            *_ring(layer, is_point),
            _dot(layer, is_point),
            *_pictogram(layer, is_point),
        ],
        "names": point_name(layer, is_point),
    }


def _dot(layer: StyledLayer, is_point: list[Any]) -> Json:
    first, near = layer.first_zoom, _near(layer)
    dense = layer.layer.row_count > DENSE
    small = round(min(3, max(1.2, 4.2 - math.log10(layer.layer.row_count + 1))), 1)
    disc = 9.5 if layer.definition.map.icon else 7
    sizes = [first, small, near, 3 if dense else 5, near + 1.5, disc]
    rim = [first, 0 if dense else 0.6, near, 0.5 if dense else 0.8, near + 2, 1.4]
    return layer.styled(
        "point",
        "circle",
        filter=is_point,
        **_under(layer),
        paint={
            "circle-color": layer.color(),
            "circle-opacity": [
                "interpolate",
                ["linear"],
                ["zoom"],
                first,
                _present(layer, 0.55 if dense else 1),
                first + 3,
                _present(layer, 1),
            ],
            "circle-radius": ["interpolate", ["linear"], ["zoom"], *sizes],
            "circle-stroke-color": layer.rim_color,
            **({"circle-stroke-opacity": _present(layer, 1)} if layer.definition.map.faded else {}),
            "circle-stroke-width": ["interpolate", ["linear"], ["zoom"], *rim],
        },
    )


def _ring(layer: StyledLayer, is_point: list[Any]) -> list[Json]:
    """Return the ring around what needs a look before all others, in the colour that means nothing else."""
    field = layer.definition.map.ringed
    if field is None or field not in layer.carried:
        return []
    first, near = layer.first_zoom, _near(layer)
    return [
        layer.styled(
            "ring",
            "circle",
            filter=[*is_point, ["==", ["to-string", ["get", field]], "true"]],
            paint={
                "circle-color": layer.theme.alarm,
                "circle-opacity": 0.16,
                "circle-radius": [
                    "interpolate",
                    ["linear"],
                    ["zoom"],
                    first,
                    4,
                    _near(layer),
                    9,
                    _near(layer) + 1.5,
                    15,
                ],
                "circle-stroke-color": layer.theme.alarm,
                "circle-stroke-width": ["interpolate", ["linear"], ["zoom"], first, 1.2, near, 2],
            },
        )
    ]


def _near(layer: StyledLayer) -> int:
    return max(layer.first_zoom + 1, _NEAR)


def _present(layer: StyledLayer, full: float) -> StyleExpression:
    """Return the opacity of a point, lower for a device that is off line and for what is over."""
    opacity: StyleExpression = full
    for name, codes, share in _faded(layer):
        opacity = ["match", ["to-string", ["get", name]], codes, round(full * share, 3), opacity]
    return opacity


def _faded(layer: StyledLayer) -> list[tuple[str, list[str], float]]:
    """Return the fields by which a point is drawn faintly, the codes, and the share of the opacity that is left."""
    over = layer.definition.map.faded
    told = [(name, list(codes), 0.45) for name, codes in _FADED.items() if name not in over]
    told += [(name, list(codes), 0.22) for name, codes in over.items()]
    return [one for one in told if one[0] in layer.carried]


def _under(layer: StyledLayer) -> Json:
    """Return the layout that draws what is over below what is not."""
    over = {name: codes for name, codes in layer.definition.map.faded.items() if name in layer.carried}
    key: StyleExpression = 1
    for name, codes in over.items():
        key = ["match", ["to-string", ["get", name]], list(codes), 0, key]
    return {"layout": {"circle-sort-key": key}} if over else {}


def _pictogram(layer: StyledLayer, is_point: list[Any]) -> list[Json]:
    if layer.definition.map.icon is None:
        return []
    near = _near(layer)
    return [
        layer.styled(
            "icon",
            "symbol",
            filter=is_point,
            minzoom=near + 0.75,
            layout={
                "icon-image": ["concat", pictogram_of(layer.definition, layer.carried), _ink(layer)],
                "icon-size": ["interpolate", ["linear"], ["zoom"], near + 0.75, 0.6, near + 1.5, 0.85],
                "icon-allow-overlap": True,
                "icon-ignore-placement": True,
            },
            **({"paint": {"icon-opacity": _present(layer, 1)}} if layer.definition.map.faded else {}),
        )
    ]


def _ink(layer: StyledLayer) -> StyleExpression:
    """Return the suffix of the pictogram's name for the ink that contrasts with the point's colour."""

    def on(color: str) -> str:
        return DARK if luminance(color) > _BRIGHT else LIGHT

    return layer.by_code(lambda code: on(str(code.color)), on(layer.own_color))


def _cells(layer: StyledLayer) -> list[Json]:
    """Return the density of points as a soft ground: the denser, the stronger; a lattice of numbers hides the map.

    A cell is a square of 32 pixels; a disc with a soft edge fills it and meets its neighbours.
    """
    return [
        layer.styled(
            "cell",
            "circle",
            filter=["has", "count"],
            paint={
                "circle-blur": 0.7,
                "circle-color": layer.own_color,
                "circle-opacity": [
                    "interpolate",
                    ["linear"],
                    ["log10", ["get", "count"]],
                    0,
                    0.08,
                    1,
                    0.2,
                    2,
                    0.45,
                    3,
                    0.6,
                ],
                "circle-radius": 24,
            },
        )
    ]
