"""What actors of one clearance see of a change, encoded once for all of them."""

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
_OF_PLACES = frozenset({"position", "fence"})  # kinds that show where something is


class Visibility:
    """Selects the members of changes that actors of one clearance see, once for each definition of a layer.

    Masked values are left out: changes do not show parts of names.
    """

    def __init__(self, clearance: int, catalog: Callable[[], Catalog]) -> None:
        self.clearance = clearance
        self._actor = Actor("visibility", clearance)
        self._catalog = catalog
        self._by_layer: dict[str, tuple[LayerDefinition, _VisibleMembers]] = {}

    def shown(self, change: Change) -> Change | None:
        """Return the visible members of a change; None when its layer or its feature is hidden."""
        if change.get("grade", 4) > self.clearance:
            return None
        visible = self._members_of(change["layer"])
        if visible is None or change["kind"] in visible.hidden_kinds:
            return None
        if change.get("property") in visible.hidden_properties:
            return None
        names = visible.names.get(change["kind"], visible.fields)
        shown = {name: value for name, value in change.items() if name in names and value is not None}
        return cast("Change", shown)

    def encoded(self, change: Change) -> bytes | None:
        """Return the visible members as JSON; None when the layer or the feature is hidden."""
        shown = self.shown(change)
        return None if shown is None else orjson.dumps(shown)

    def lies_in(self, change: Change, prefixes: Sequence[str]) -> bool:
        """Return whether an actor of these areas may see the change; all see public layers without areas."""
        layer = self._catalog().get(change["layer"])
        if layer is None:
            return lies_in(change, prefixes)
        return bound_may_see(prefixes, layer.definition, *area_codes(change))

    def _members_of(self, layer_id: str) -> _VisibleMembers | None:
        layer = self._catalog().get(layer_id)
        if layer is None or not layer.visible_to(self._actor):
            return None
        known = self._by_layer.get(layer_id)
        if known is None or known[0] is not layer.definition:  # the catalogue changes often, a definition hardly ever
            known = self._by_layer[layer_id] = layer.definition, _VisibleMembers.of(layer, self._actor)
        return known[1]


@dataclass(frozen=True, slots=True)
class _VisibleMembers:
    """The members of a layer's changes that an actor sees.

    Attributes
    ----------
    names
        Names of members, by kind.
    fields
        The members of a change of any other kind.
    hidden_kinds
        Positions have a grade of their own; kinds that show them, where the actor may not see them.
    hidden_properties
        Observed properties that are fields the actor may not see.
    """

    names: Mapping[str, frozenset[str]]
    fields: frozenset[str]
    hidden_kinds: frozenset[str]
    hidden_properties: frozenset[str]

    @classmethod
    def of(cls, layer: Layer, actor: Actor) -> _VisibleMembers:
        """Return the members of a layer's changes that the actor sees."""
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
