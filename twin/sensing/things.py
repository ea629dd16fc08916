"""The layers whose features measure something, and the titles of what they measure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import orjson

from layers.actor import Actor
from layers.catalog import Catalog, Layer
from layers.definition import FieldDefinition, LayerDefinition
from layers.read.caller import properties_of
from layers.read.rights import rights_at

_KEPT_MAX = 500
_kept: dict[int, tuple[LayerDefinition, LayerDefinition]] = {}


def measures(definition: LayerDefinition) -> bool:
    """Whether features of a layer send observations: any field shows one."""
    return any(one.live and (one.live.observed or one.live.any_observation) for one in definition.fields)


def measuring_layers(catalog: Catalog, actor: Actor) -> list[Layer]:
    """Return the layers of things that the actor may see, in the order of their ids."""
    return [layer for layer in catalog.visible_layers(actor) if measures(layer.definition)]


def without_live(layer: Layer, actor: Actor) -> Layer:
    """Return a layer without its live fields, so that its features are read from the table alone.

    A rule whose rows are chosen by a live field needs them: the layer is then returned as it is.
    """
    still = _still(layer.definition)
    live = layer.definition.by_name.keys() - still.by_name.keys()
    if any(case.rows is not None and live & properties_of(case.rows) for case in rights_at(layer, actor).cases):
        return layer
    return replace(layer, definition=still)


def _still(definition: LayerDefinition) -> LayerDefinition:
    """Return a definition without live fields; the same one each time, for its rights are kept by it."""
    known = _kept.get(id(definition))
    if known is not None and known[0] is definition:
        return known[1]
    if len(_kept) >= _KEPT_MAX:
        _kept.clear()
    still = definition.with_fields(tuple(field for field in definition.fields if field.live is None))
    _kept[id(definition)] = definition, still
    return still


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
