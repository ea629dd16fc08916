"""What one watcher gets of the log: the changes it asked for and may see, the newest of each thing, every event.

Between two takes a moving thing that moved ten times is one change, so a slow watcher costs no more memory than a fast
one; events are never merged, and a watcher that lets too many pile up is told to start again from a snapshot.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from layers.actor import Actor
from layers.catalog import Catalog
from layers.rights import visible_fields

EVENTS_MAX = 10_000
_ALWAYS = frozenset({"kind", "layer", "id", "lon", "lat", "phenomenon_time", "grid_code", "area_code", "property"})
_OBSERVED = frozenset({"value", "value_text", "unit", "quality_flag"})

type Change = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Interest:
    """What a watcher asked for; empty means no restriction.

    Attributes
    ----------
    layers
        Collection ids.
    areas
        Prefixes of grid or area codes.
    bbox_crs84
        West, south, east, north in degrees; a change without a place is then not wanted.
    """

    layers: frozenset[str] = frozenset()
    areas: tuple[str, ...] = ()
    bbox_crs84: tuple[float, float, float, float] | None = None

    def wants(self, change: Change) -> bool:
        """Whether a change is asked for."""
        if self.layers and change["layer"] not in self.layers:
            return False
        if self.areas and not _place(change).startswith(self.areas):
            return False
        if self.bbox_crs84 is None:
            return True
        lon, lat = change.get("lon"), change.get("lat")
        west, south, east, north = self.bbox_crs84
        return lon is not None and lat is not None and west <= lon <= east and south <= lat <= north


def _place(change: Change) -> str:
    return change.get("grid_code") or change.get("area_code") or ""


class Audience:
    """What an actor may see of changes, worked out once a catalogue."""

    def __init__(self, actor: Actor, catalog: Callable[[], Catalog]) -> None:
        self._actor = actor
        self._catalog = catalog
        self._seen_of: tuple[Catalog | None, Mapping[str, frozenset[str]]] = (None, {})

    def shown(self, change: Change) -> Change | None:
        """Return the change as the actor may see it, or None."""
        actor = self._actor
        if change.get("grade", 4) > actor.clearance:
            return None
        if actor.area_prefixes and not _place(change).startswith(actor.area_prefixes):
            return None
        seen = self._fields().get(change["layer"])
        if seen is None:
            return None
        open_names = _ALWAYS | seen | (_OBSERVED if change["kind"] == "observation" else frozenset())
        return {name: value for name, value in change.items() if name in open_names and value is not None}

    def _fields(self) -> Mapping[str, frozenset[str]]:
        catalog = self._catalog()
        if self._seen_of[0] is not catalog:
            visible = (layer for layer in catalog.values() if layer.visible_to(self._actor))
            names = {
                layer.id: frozenset(f.definition.name for f in visible_fields(layer, self._actor) if not f.masked)
                for layer in visible
            }
            self._seen_of = catalog, names
        return self._seen_of[1]


class Watcher:
    """Gathers changes between two takes.

    Attributes
    ----------
    seq
        Number of the last change looked at, wanted or not: where a resumed watcher goes on.
    overrun
        Too many events piled up; what was gathered is gone and the watcher must start from a snapshot.
    """

    def __init__(self, interest: Interest, audience: Audience, seq: int) -> None:
        self._interest = interest
        self._audience = audience
        self._newest: dict[tuple[str, str, str], Change] = {}
        self._events: list[Change] = []
        self.seq = seq
        self.overrun = False

    def look(self, seq: int, change: Change) -> None:
        """Look at the next change of the log; numbers that were seen already are passed over."""
        if seq <= self.seq:
            return
        self.seq = seq
        shown = self._audience.shown(change) if self._interest.wants(change) else None
        if shown is None or self.overrun:
            return
        if change["kind"] == "event":
            self._events.append(shown)
            if len(self._events) > EVENTS_MAX:
                self.overrun = True
                self._events, self._newest = [], {}
        else:
            key = (change["layer"], change["id"], change.get("property", ""))
            self._newest.pop(key, None)  # the newest goes to the end: order of last change
            self._newest[key] = shown

    def take(self) -> list[Change]:
        """Return what was gathered since the last take, and begin anew."""
        taken = [*self._events, *self._newest.values()]
        self._events, self._newest = [], {}
        return taken
