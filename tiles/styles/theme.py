"""A theme: the colours and opacities in which one style differs from another."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from layers.errors import NotFound

THEMES = Path(__file__).parent / "themes"
Hex = Annotated[str, StringConstraints(pattern=r"^#[0-9a-f]{6}$")]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RoadTone(_Frozen):
    """The share of their own colour that lines have from a zoom on; the rest is the paper's."""

    zoom: float
    share: float = Field(ge=0, le=1)
    paper: Hex


class Height(_Frozen):
    """The colour of buildings from a height on."""

    metres: float
    color: Hex


class Theme(_Frozen):
    """All inputs of a style that do not come from the catalogue.

    Attributes
    ----------
    contrast
        Least contrast (WCAG) of a layer's own colour with the ground; weaker colours are moved towards the text's.
        Colours of code lists come from a standard and stay unchanged in fills.
    rim
        The line around points.
    alarm
        The one colour of alarms: rings of what is overdue.
    ramp
        From few to many: the classes of areas that are coloured by a number.
    heat
        From few to many: where points lie dense; unlike water, roads and the colours of areas.
    """

    id: str
    title_zh: str
    title_en: str
    outside: Hex
    district: Hex
    outside_opacity: float = Field(ge=0, le=1)
    frame: Hex
    alarm: Hex
    ramp: tuple[Hex, Hex, Hex, Hex, Hex]
    heat: tuple[Hex, Hex, Hex, Hex, Hex]
    frame_glow_px: float = Field(ge=0)
    text: Hex
    text_soft: Hex
    halo: Hex
    halo_px: float
    contrast: float = Field(ge=1, le=21)
    rim: Hex
    casing: Hex
    roads: tuple[RoadTone, ...]
    water_share: float = Field(ge=0, le=1)
    area_opacity: float = Field(ge=0, le=1)
    heights: tuple[Height, ...]
    building_edge: Hex


@cache
def read_themes() -> dict[str, Theme]:
    """Return every theme by its name, sorted."""
    return {
        path.stem: Theme.model_validate({"id": path.stem, **yaml.safe_load(path.read_text(encoding="utf-8"))})
        for path in sorted(THEMES.glob("*.yaml"))
    }


def theme_of(name: str) -> Theme:
    """Return a theme.

    Raises
    ------
    NotFound
        When there is none of this name; the message lists the known ones.
    """
    themes = read_themes()
    if name not in themes:
        raise NotFound(f"there is no style '{name[:80]}'; styles: {', '.join(themes)}", parameter="name")
    return themes[name]
