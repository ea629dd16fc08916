"""What those of one clearance see of a change, encoded once for all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import orjson

from layers.actor import Actor
from layers.catalog import Catalog, Layer
from layers.rights import visible_fields
from twin.interest import Change, lies_in

_ALWAYS = frozenset({"kind", "layer", "id", "lon", "lat", "phenomenon_time", "grid_code", "area_code", "property"})
_OF_KIND: Mapping[str, frozenset[str]] = {
    "observation": frozenset({"value", "value_text", "unit", "quality_flag"}),
    "position": frozenset({"speed_kmh", "heading_deg"}),
    "feature": frozenset({"change", "old", "new"}),
    "fence": frozenset({"fence", "action", "since", "area_layer", "area_id", "area_name"}),
}


class Lens:
    """Shows changes to actors of one clearance; worked out once a catalogue.

    Masked values are left out: a change is not the place to show a part of a name.
    """

    def __init__(self, clearance: int, catalog: Callable[[], Catalog]) -> None:
        self.clearance = clearance
        self._actor = Actor("lens", clearance)
        self._catalog = catalog
        self._seen_of: tuple[Catalog | None, dict[str, frozenset[str]]] = (None, {})

    def shown(self, change: Change) -> Change | None:
        """Return the change as it may be seen; None when its layer or its feature is hidden."""
        if change.get("grade", 4) > self.clearance:
            return None
        seen = self._fields(change["layer"])
        if seen is None:
            return None
        names = _ALWAYS | seen | _OF_KIND.get(change["kind"], frozenset())
        return {name: value for name, value in change.items() if name in names and value is not None}

    def encoded(self, change: Change) -> bytes | None:
        """Return the change as it may be seen, as JSON."""
        shown = self.shown(change)
        return None if shown is None else orjson.dumps(shown)

    def lies_in(self, change: Change, prefixes: Sequence[str]) -> bool:
        """Whether an actor of these areas may see the change; of a public layer without areas everybody sees all."""
        layer = self._catalog().get(change["layer"])
        if layer is not None and "area_code" not in layer.definition.by_name:
            return layer.definition.grade == 1
        return lies_in(change, prefixes)

    def _fields(self, layer_id: str) -> frozenset[str] | None:
        catalog = self._catalog()
        if self._seen_of[0] is not catalog:
            self._seen_of = catalog, {}
        known = self._seen_of[1]
        if layer_id not in known:
            layer = catalog.get(layer_id)
            if layer is None or not layer.visible_to(self._actor):
                return None
            known[layer_id] = self._names(layer)
        return known[layer_id]

    def _names(self, layer: Layer) -> frozenset[str]:
        return frozenset(f.definition.name for f in visible_fields(layer, self._actor) if not f.masked)


def field_names() -> dict[str, frozenset[str]]:
    """Return what changes of each kind may say beside the fields of their layer."""
    own = {kind: names | _ALWAYS for kind, names in _OF_KIND.items()}
    return {"event": _ALWAYS - {"property"}} | own
