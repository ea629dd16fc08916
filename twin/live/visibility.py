"""What those of one clearance see of a change, encoded once for all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import orjson

from layers.actor import Actor
from layers.catalog import Catalog, Layer
from layers.definition import LayerDefinition
from layers.read.rights import bound_may_see, hides_positions, visible_fields
from twin.live.interest import area_codes, lies_in
from twin.log.change import COMMON_MEMBERS, SENT_KINDS, Change, members

_MEMBERS = {kind: COMMON_MEMBERS | members(definition) for kind, definition in SENT_KINDS.items()}
_OF_PLACES = frozenset({"position", "fence"})  # kinds that tell where something is


class Visibility:
    """Shows changes to actors of one clearance; worked out once for each definition of a layer.

    Masked values are left out: a change is not the place to show a part of a name.
    """

    def __init__(self, clearance: int, catalog: Callable[[], Catalog]) -> None:
        self.clearance = clearance
        self._actor = Actor("lens", clearance)
        self._catalog = catalog
        self._kept: dict[str, tuple[LayerDefinition, _Seen]] = {}

    def shown(self, change: Change) -> Change | None:
        """Return the change as it may be seen; None when its layer or its feature is hidden."""
        if change.get("grade", 4) > self.clearance:
            return None
        seen = self._seen(change["layer"])
        if seen is None or change["kind"] in seen.hidden_kinds or change.get("property") in seen.hidden_properties:
            return None
        names = seen.names.get(change["kind"], seen.fields)
        shown = {name: value for name, value in change.items() if name in names and value is not None}
        return cast("Change", shown)

    def encoded(self, change: Change) -> bytes | None:
        """Return the change as it may be seen, as JSON."""
        shown = self.shown(change)
        return None if shown is None else orjson.dumps(shown)

    def lies_in(self, change: Change, prefixes: Sequence[str]) -> bool:
        """Whether an actor of these areas may see the change; of a public layer without areas everybody sees all."""
        layer = self._catalog().get(change["layer"])
        if layer is None:
            return lies_in(change, prefixes)
        return bound_may_see(prefixes, layer.definition, *area_codes(change))

    def _seen(self, layer_id: str) -> _Seen | None:
        layer = self._catalog().get(layer_id)
        if layer is None or not layer.visible_to(self._actor):
            return None
        kept = self._kept.get(layer_id)
        if kept is None or kept[0] is not layer.definition:  # the catalogue changes often, a definition hardly ever
            kept = self._kept[layer_id] = layer.definition, _Seen.of(layer, self._actor)
        return kept[1]


@dataclass(frozen=True, slots=True)
class _Seen:
    """What an actor sees of a layer's changes.

    Attributes
    ----------
    names
        Of members, by kind.
    fields
        The members of a change of any other kind.
    hidden_kinds
        Where things are is graded by itself: whoever may not see it hears of no position.
    hidden_properties
        Observed properties that are fields the actor may not see.
    """

    names: Mapping[str, frozenset[str]]
    fields: frozenset[str]
    hidden_kinds: frozenset[str]
    hidden_properties: frozenset[str]

    @classmethod
    def of(cls, layer: Layer, actor: Actor) -> _Seen:
        """Work it out."""
        definition = layer.definition
        shown = frozenset(f.definition.name for f in visible_fields(layer, actor) if not f.masked)
        hidden = [field for field in definition.fields if field.name not in shown]
        unseen = {field.name for field in hidden}
        if any(field.live and field.live.any_observation == "time" for field in hidden):
            unseen.add("phenomenon_time")
        fields = (COMMON_MEMBERS | shown) - unseen
        names = {kind: (own | shown) - unseen for kind, own in _MEMBERS.items()}
        observed = {source for f in hidden if f.live and (source := f.live.observed)}
        kinds = _OF_PLACES if hides_positions(definition, actor) else frozenset[str]()
        return cls(names, fields, kinds, frozenset(observed))
