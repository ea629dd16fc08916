"""Themes of the map: which layers a subject needs, how they are filtered and drawn, and what stands beside the map."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, model_validator

from layers.actor import HIGHEST_GRADE, Actor
from layers.catalog import Catalog
from layers.coordinates.crs import CRS84
from layers.cql2 import FilterLimits, compile_filter, parse, queryables_of
from layers.definition import LayerDefinition
from layers.errors import BadFilter, BadInput
from tiles.styles.theme import read_themes
from twin.folder import Folder, read_definition
from twin.overview.definition import read_overview

LAYERS_MAX = 6  # that are on at first: more of them hide each other
_EVERYBODY = Actor("theme", HIGHEST_GRADE)  # a filter that this actor may not use is one of no field
CARDS_MAX = 8
INDICATORS_MAX = 8
type Card = Literal[
    "warnings",
    "rain",
    "levels",
    "ponding",
    "ranking",
    "online",
    "devices",
    "vehicles",
    "newest",
    "sources",
    "classes",
    "stages",
    "times",
    "notes",
]
type _Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,62}$")]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ThemeLayer(_Frozen):
    """A layer that a theme shows.

    Attributes
    ----------
    filter
        CQL2 text: the features that are drawn; None draws all.
    """

    id: _Name
    filter: str | None = Field(default=None, max_length=2000)
    opacity: float = Field(default=1, ge=0.1, le=1)


class ThemeView(_Frozen):
    """The first view of a theme, CRS84 degrees; the whole district where it is absent."""

    lon: float = Field(ge=-180, le=180)
    lat: float = Field(ge=-85, le=85)
    zoom: float = Field(ge=0, le=22)


class ThemeTime(_Frozen):
    """Whether a theme begins in the present or that much earlier, and the minutes that the slider and series span."""

    mode: Literal["live", "replay"] = "live"
    window_min: int = Field(default=1440, ge=5, le=44_640)


class MapTheme(_Frozen):
    """A theme of the map, a file of `config/themes`.

    Attributes
    ----------
    name
        That of the file.
    base
        Layers that the others stand on: boundaries, roads, water. They do not count among the six.
    style
        The style of the map that suits it; None keeps the reader's.
    cards
        Those of the board, the left column first; the usual ones where there are none.
    indicators
        Ids of indicators of `/twin/overview`: the numbers across the top of the board. The first that sums up and is
        told of areas colours the map and ranks them. The usual ones where there are none.
    """

    name: _Name
    title_zh: str = Field(min_length=1, max_length=40)
    title_en: str = Field(min_length=1, max_length=80)
    order: int = 50
    base: tuple[_Name, ...] = ()
    layers: tuple[ThemeLayer, ...] = Field(max_length=LAYERS_MAX)
    style: str | None = None
    view: ThemeView | None = None
    time: ThemeTime = ThemeTime()
    cards: tuple[Card, ...] = Field(default=(), max_length=CARDS_MAX)
    indicators: tuple[_Name, ...] = Field(default=(), max_length=INDICATORS_MAX)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        named = [*self.base, *(layer.id for layer in self.layers)]
        twice = sorted({name for name in named if named.count(name) > 1})
        if twice:
            raise ValueError(f"layers are named twice: {', '.join(twice)}")
        if len(set(self.cards)) < len(self.cards) or len(set(self.indicators)) < len(self.indicators):
            raise ValueError("a card or an indicator is named twice")
        indicators = [one.id for one in read_overview().indicators]
        if unknown := [name for name in self.indicators if name not in indicators]:
            raise ValueError(f"there is no indicator '{unknown[0]}'; indicators: {', '.join(indicators)}")
        styles = sorted(read_themes())
        if self.style is not None and self.style not in styles:
            raise ValueError(f"there is no style '{self.style}'; styles: {', '.join(styles)}")
        return self


class MapThemes(Folder[MapTheme]):
    """The themes of a folder at a moment."""


_ADAPTER: TypeAdapter[MapTheme] = TypeAdapter(MapTheme)


def read_map_theme(path: Path, definitions: Mapping[str, LayerDefinition], limits: FilterLimits) -> MapTheme:
    """Read the file of a theme.

    Raises
    ------
    BadInput
        When it has a fault, names a layer that does not exist, or filters by a field that its layer does not have; the
        message names what is allowed.
    """
    theme = read_definition(path, _ADAPTER, "a theme")
    known = ", ".join(sorted(definitions))
    for name in (*theme.base, *(layer.id for layer in theme.layers)):
        if name not in definitions:
            raise BadInput(f"there is no layer '{name}'; layers: {known}", parameter="layers")
    for layer in theme.layers:
        try:
            _check(layer, definitions[layer.id], _EVERYBODY, limits)
        except BadFilter as error:
            raise BadInput(f"the filter of '{layer.id}': {error.message}", parameter="layers") from error
    return theme


def _check(layer: ThemeLayer, definition: LayerDefinition, actor: Actor, limits: FilterLimits) -> None:
    if layer.filter is not None:
        expression = parse(layer.filter, "cql2-text", limits=limits)
        compile_filter(expression, queryables_of(definition, actor), filter_crs=CRS84)


class CurrentThemes:
    """The themes of a folder; `read` reads changed files again, and all of them when there are other layers."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._layers: frozenset[str] = frozenset()
        self._themes: MapThemes | None = None

    def read(self, catalog: Catalog, limits: FilterLimits) -> MapThemes:
        """Return the themes as they are now; a file with a fault leaves the theme before it in force."""
        definitions = {name: layer.definition for name, layer in catalog.items()}
        if self._themes is None or self._layers != definitions.keys():
            self._layers = frozenset(definitions)
            self._themes = MapThemes(self._folder, partial(read_map_theme, definitions=definitions, limits=limits))
        self._themes = self._themes.renewed()
        return self._themes


def shown_themes(
    themes: Iterable[MapTheme], catalog: Catalog, actor: Actor, limits: FilterLimits
) -> list[dict[str, Any]]:
    """Return themes as a reader may have them, in order.

    Layers that the reader may not see are left out, and so are those whose filter names a field that is hidden from
    him: without it they would show what the theme does not mean. A theme without layers is left out as a whole.
    """
    visible = {layer.id: layer.definition for layer in catalog.visible_layers(actor)}

    def may_show(layer: ThemeLayer) -> bool:
        if layer.id not in visible:
            return False
        try:
            _check(layer, visible[layer.id], actor, limits)
        except BadFilter:
            return False
        return True

    shown = []
    for theme in sorted(themes, key=lambda one: (one.order, one.name)):
        layers = tuple(layer for layer in theme.layers if may_show(layer))
        base = tuple(name for name in theme.base if name in visible)
        if layers:
            shown.append(theme.model_copy(update={"layers": layers, "base": base}).model_dump(mode="json"))
    return shown
