"""The layers whose features measure something, and the titles of what they measure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import orjson

from layers.actor import Actor
from layers.catalog import Catalog, Layer
from layers.definition import FieldDefinition, LayerDefinition


def measures(definition: LayerDefinition) -> bool:
    """Whether features of a layer send observations: any field shows one."""
    return any(one.live and (one.live.observed or one.live.any_observation) for one in definition.fields)


def measuring_layers(catalog: Catalog, actor: Actor) -> list[Layer]:
    """Return the layers of things that the actor may see, in the order of their ids."""
    return [layer for layer in catalog.visible_layers(actor) if measures(layer.definition)]


def plain_field(definition: LayerDefinition, code: str) -> FieldDefinition | None:
    """Return the field that shows the newest value of a property as it was measured."""
    for field in definition.fields:
        live = field.live
        if live and live.observation == code and live.take == "value" and not (live.over_s or live.sum_s or live.steps):
            return field
    return None


@dataclass(frozen=True, slots=True)
class PropertyTitles:
    """Titles and units of measured properties, as JSON objects by their codes.

    Attributes
    ----------
    names, abouts, units
        Chinese titles, English ones, and units in UCUM.
    """

    names: str
    abouts: str
    units: str

    @classmethod
    def of(cls, layers: Iterable[Layer]) -> PropertyTitles:
        """Return the titles of what layers measure; of several fields of one property the first counts."""
        names: dict[str, str] = {}
        abouts: dict[str, str] = {}
        units: dict[str, str] = {}
        for layer in layers:
            for field in layer.definition.fields:
                code = field.live.observation if field.live else None
                if code and code not in names and plain_field(layer.definition, code) is field:
                    names[code], abouts[code] = field.title_zh, field.title_en
                    units |= {code: field.unit} if field.unit else {}
        return cls(*(orjson.dumps(one).decode() for one in (names, abouts, units)))
