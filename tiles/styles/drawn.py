"""A layer in a style: the fields of its tiles for this reader, and the field that colours its features."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from layers.actor import Actor
from layers.catalog import Layer
from layers.definition import Code, CodeList, LayerDefinition
from layers.types import Json
from tiles.styles.color import contrast, readable
from tiles.styles.theme import Theme
from tiles.vector import deepest_zoom, tile_fields

type StyleExpression = str | float | list[Any]
_FAINT = 1.9  # contrast with the ground below which a point needs a line around it
_PRESENCE = "online_status"  # shown by opacity, not by colour


@dataclass(frozen=True, slots=True)
class Coloring:
    """The field that colours features.

    Attributes
    ----------
    codes
        The codes of the field's list that have a colour, in the list's order: of lines the first is the widest.
    """

    field: str
    codes: tuple[Code, ...]

    @property
    def value(self) -> StyleExpression:
        """The field's value, as text."""
        return ["to-string", ["get", self.field]]


@dataclass(frozen=True, slots=True)
class StyledLayer:
    """A layer to be drawn in a theme."""

    layer: Layer
    theme: Theme
    carried: tuple[str, ...]
    coloring: Coloring | None

    @property
    def definition(self) -> LayerDefinition:
        """The layer's definition."""
        return self.layer.definition

    @property
    def id(self) -> str:
        """The id of the layer, of its source and of its MVT layer."""
        return self.layer.id

    @property
    def first_zoom(self) -> int:
        """The first zoom at which the layer is drawn."""
        return self.definition.map.min_zoom

    @property
    def label(self) -> str | None:
        """The field that is written on the map, if this reader may see it."""
        label = self.definition.map.label
        return label if label in self.carried else None

    @property
    def own_color(self) -> str:
        """The layer's colour with the contrast that the theme requires."""
        theme = self.theme
        return readable(self.definition.map.color, theme.district, theme.text, theme.contrast)

    @property
    def edge_color(self) -> StyleExpression:
        """The colour of a boundary: that of the area, with enough contrast for a line."""
        theme = self.theme
        return self.color(lambda color: readable(color, theme.district, theme.text, min(2.2, theme.contrast)))

    @property
    def rim_color(self) -> StyleExpression:
        """The colour of the line around points: the theme's, or that of the text around faint points."""
        theme = self.theme

        def around(color: str) -> str:
            return theme.rim if contrast(color, theme.district) >= _FAINT else theme.text_soft

        return self.color(around)

    def color(self, tone: Callable[[str], str] = lambda color: color) -> StyleExpression:
        """Return the colour of each feature: its code's, else the layer's; each passed through `tone`."""
        if self.coloring is None:
            return tone(self.own_color)
        return self.by_code(lambda code: tone(str(code.color)), tone(self.own_color))

    def by_code(self, of: Callable[[Code], StyleExpression], otherwise: StyleExpression) -> StyleExpression:
        """Return an expression of a value by the code that colours a feature."""
        if self.coloring is None:
            return otherwise
        pairs = [part for code in self.coloring.codes for part in (code.code, of(code))]
        return ["match", self.coloring.value, *pairs, otherwise]

    def by_rank(self, of: Callable[[int], StyleExpression], otherwise: StyleExpression) -> StyleExpression:
        """Return an expression of a value by the position of a feature's code in its list, 0 for the first."""
        ranks = {code.code: rank for rank, code in enumerate(self.coloring.codes)} if self.coloring else {}
        return self.by_code(lambda code: of(ranks[code.code]), otherwise)

    def styled(self, part: str, kind: str, **rest: Any) -> Json:
        """Return a style layer of the layer's tiles, called ``{layer}:{part}``."""
        own = {"id": f"{self.id}:{part}", "type": kind, "source": self.id, "source-layer": self.id}
        return own | {"minzoom": self.first_zoom} | rest

    def source(self, base: str, version: str | None) -> Json:
        """Return the layer's source, with the absolute URL of the tiles."""
        versioned = f"?v={version}" if version else ""
        last = deepest_zoom(self.definition)
        extent = self.layer.extent_crs84
        return {
            "type": "vector",
            "tiles": [f"{base}/tiles/{self.id}/{{z}}/{{x}}/{{y}}.mvt{versioned}"],
            **({"bounds": list(extent)} if extent else {}),
            "minzoom": min(self.first_zoom, last),
            "maxzoom": last,
            "promoteId": "id",
            "attribution": _attribution(self.definition),
        }


def _attribution(definition: LayerDefinition) -> str:
    synthetic = "合成数据 synthetic data" if definition.synthetic else ""
    return " · ".join(part for part in (definition.attribution, synthetic) if part)


def drawn_layers(
    layers: Mapping[str, Layer], lists: Mapping[str, CodeList], actor: Actor, theme: Theme
) -> list[StyledLayer]:
    """Return the layers that an actor sees on the map, in drawing order, without those that are known to be empty."""
    visible = [layer.seen_by(actor) for layer in layers.values() if layer.visible_to(actor)]
    drawn = [layer for layer in visible if layer.may_have_places(actor)]
    drawn.sort(key=lambda layer: (layer.definition.map.order, layer.id))
    return [_style_layer(layer, lists, actor, theme) for layer in drawn]


def _style_layer(layer: Layer, lists: Mapping[str, CodeList], actor: Actor, theme: Theme) -> StyledLayer:
    carried = tuple(field.definition.name for field in tile_fields(layer, actor))
    return StyledLayer(layer, theme, carried, _coloring(layer.definition, carried, lists))


def _coloring(definition: LayerDefinition, carried: tuple[str, ...], lists: Mapping[str, CodeList]) -> Coloring | None:
    """Return the first field, in the order of the definition's `tile_fields`, whose code list has colours."""
    for name in definition.map.tile_fields:
        codes = lists.get(definition.by_name[name].codes or "")
        colored = tuple(code for code in codes.codes if code.color) if codes else ()
        if name in carried and name != _PRESENCE and colored:
            return Coloring(name, colored)
    return None
