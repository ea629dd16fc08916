"""A style (MapLibre style specification 8) from the catalogue, a theme and the reader's rights."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from layers.actor import Actor
from layers.catalog import Catalog
from layers.types import Json
from tiles.styles.areas import area_layers
from tiles.styles.drawn import StyledLayer, drawn_layers
from tiles.styles.frame import around, frame_sources, ground
from tiles.styles.legend import add_legend
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
    """The inputs of a style beside the catalogue.

    Attributes
    ----------
    base
        Absolute URL of the service, without a trailing slash.
    outline
        GeoJSON of the district in degrees; None draws no frame.
    font_faces
        Font files of the labels, as in the style's `font-faces`.
    basemap
        Raster sources by id below all layers, the lowest first.
    versions
        Versions of the tiles of a layer, by its id; in their URL they allow caches to keep the tiles.
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
        The reader; the style holds only the layers and fields this reader may see.
    relief
        Whether buildings are drawn in 3-D; else they are flat.

    Returns
    -------
    dict
        A style. Its layers have ids ``{layer}:{part}`` and a source with the layer's id. `metadata` holds the theme,
        and for each main style layer the entry of the legend.
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
            *_ordered(layers, theme, relief=relief),
        ],
    }


def _ordered(layers: Sequence[StyledLayer], theme: Theme, *, relief: bool) -> list[Json]:
    """Return the layers in order: the ground's layers, the dimmed outside, then names, the most important last.

    MapLibre places the names of the uppermost layers first.
    """
    passes: dict[str, list[Json]] = {name: [] for name in BELOW_OUTSIDE}
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
    return [*below, *around(theme), *(style for one in reversed(names) for style in one)]


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
        add_legend(style, layer)
        if not layer.definition.map.visible and style["id"] != f"{layer.id}:relief":
            style.setdefault("layout", {})["visibility"] = "none"
    return parts


def _once(names: Sequence[Json]) -> list[Json]:
    """Give the names of a layer's areas, lines and points, which are three style layers, three ids."""
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
        "onemap:ramp": theme.ramp,
        "onemap:heat": theme.heat,
        "onemap:synthetic": any(layer.definition.synthetic for layer in layers),
    }


def _place(layers: Sequence[StyledLayer]) -> Json:
    """Return the initial view of a client, the centre of all features."""
    extents = [layer.layer.extent_crs84 for layer in layers if layer.layer.extent_crs84]
    if not extents:
        return {}
    west, south = (min(extent[side] for extent in extents) for side in (0, 1))
    east, north = (max(extent[side] for extent in extents) for side in (2, 3))
    return {"center": [round((west + east) / 2, 5), round((south + north) / 2, 5)], "zoom": 11}
