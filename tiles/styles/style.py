"""A whole style: MapLibre style specification 8, from the catalogue, a theme and the reader's rights."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from layers.actor import Actor
from layers.catalog import Catalog
from layers.types import Json
from tiles.styles.areas import area_layers
from tiles.styles.drawn import StyledLayer, drawn_layers
from tiles.styles.frame import around, frame_sources, ground
from tiles.styles.legend import explained
from tiles.styles.lines import line_layers
from tiles.styles.names import FONT
from tiles.styles.points import point_layers
from tiles.styles.theme import Theme

BELOW_OUTSIDE = ("fills", "water", "buildings", "roads", "relief", "edges", "points")  # in the order of drawing
_KINDS: dict[str, Callable[[StyledLayer], dict[str, list[Json]]]] = {
    "Polygon": area_layers,
    "LineString": line_layers,
    "Point": point_layers,
}


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a style needs beside the catalogue.

    Attributes
    ----------
    base
        Full address of the service, without a slash at the end.
    outline
        GeoJSON of the district, degrees; None draws no frame.
    font_faces
        Files of the font of the labels, as in the style's `font-faces`.
    basemap
        Raster sources by id that lie under everything, from the ground up.
    versions
        What the tiles of a layer are made of, by its id: with it in their address, caches may keep them.
    """

    base: str
    outline: Json | None = None
    font_faces: Sequence[Json] = ()
    basemap: Mapping[str, Json] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)


def build_style(catalog: Catalog, actor: Actor, theme: Theme, around_it: Surroundings, *, relief: bool = False) -> Json:
    """Build a style.

    Parameters
    ----------
    actor
        Only layers and fields this reader gets are in it.
    relief
        Whether buildings stand; else they are flat.

    Returns
    -------
    dict
        A style: layers of the catalogue are called ``{layer}:{part}`` and drawn from a source called like the layer.
        `metadata` says the theme, and for each main style layer what a legend needs.
    """
    layers = drawn_layers(catalog, catalog.code_lists, actor, theme)
    return {
        "version": 8,
        "name": f"OneMap {theme.title_zh} {theme.title_en}",
        "metadata": _metadata(theme, layers, around_it.base),
        **_place(layers),
        "sprite": f"{around_it.base}/styles/sprites/onemap",
        **({"font-faces": {FONT: list(around_it.font_faces)}} if around_it.font_faces else {}),
        "sources": {
            **frame_sources(around_it.outline),
            **around_it.basemap,
            **{layer.id: layer.source(around_it.base, around_it.versions.get(layer.id)) for layer in layers},
        },
        "layers": [
            *ground(theme, framed=around_it.outline is not None),
            *({"id": name, "type": "raster", "source": name} for name in around_it.basemap),
            *_drawn(layers, theme, relief=relief),
        ],
    }


def _drawn(layers: Sequence[StyledLayer], theme: Theme, *, relief: bool) -> list[Json]:
    """Order: what lies on the ground, the dimmed outside, then names; the most important names last.

    MapLibre places the names of the uppermost layers first.
    """
    passes: dict[str, list[Json]] = {name: [] for name in (*BELOW_OUTSIDE, "numbers")}
    names: list[list[Json]] = []
    for layer in layers:
        parts = _parts(layer)
        names.append(parts.pop("names", []))
        for name, styles in parts.items():
            passes[name] += styles
    if relief:
        for flat, standing in zip(passes["buildings"], passes["relief"], strict=True):
            flat["layout"], standing["layout"] = {"visibility": "none"}, {"visibility": "visible"}
    below = [style for name in BELOW_OUTSIDE for style in passes[name]]
    return [*below, *around(theme), *passes["numbers"], *(style for one in reversed(names) for style in one)]


def _parts(layer: StyledLayer) -> dict[str, list[Json]]:
    kind = layer.definition.geometry_type
    kinds = ["Polygon", "LineString", "Point"] if kind == "Geometry" else [kind.removeprefix("Multi")]
    parts: dict[str, list[Json]] = {}
    for one in kinds:
        for name, styles in _KINDS[one](layer).items():
            parts.setdefault(name, []).extend(styles)
    if len(kinds) > 1:
        parts["names"] = _once(parts.get("names", []))
    for style in (style for styles in parts.values() for style in styles):
        explained(style, layer)
        if not layer.definition.map.visible and style["id"] != f"{layer.id}:relief":
            style.setdefault("layout", {})["visibility"] = "none"
    return parts


def _once(names: Sequence[Json]) -> list[Json]:
    """Names of areas, lines and points of one layer are three style layers and need three ids."""
    endings = ("", "-line", "-point")
    return [style | {"id": style["id"] + ending} for style, ending in zip(names, endings, strict=False)]


def _metadata(theme: Theme, layers: Sequence[StyledLayer], base: str) -> Json:
    return {
        "onemap:theme": theme.id,
        "onemap:title_zh": theme.title_zh,
        "onemap:title_en": theme.title_en,
        "onemap:base": base,
        "onemap:accent": theme.frame,
        "onemap:ink": theme.text,
        "onemap:synthetic": any(layer.definition.synthetic for layer in layers),
    }


def _place(layers: Sequence[StyledLayer]) -> Json:
    """Where a client begins: all of the features, so that it is never somewhere else."""
    extents = [layer.layer.extent_crs84 for layer in layers if layer.layer.extent_crs84]
    if not extents:
        return {}
    west, south = (min(extent[side] for extent in extents) for side in (0, 1))
    east, north = (max(extent[side] for extent in extents) for side in (2, 3))
    return {"center": [round((west + east) / 2, 5), round((south + north) / 2, 5)], "zoom": 11}
