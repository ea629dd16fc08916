"""Since when the tiles of layers show what they show at a moment, for whoever steps through time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from layers.actor import Actor
from layers.catalog import Layer
from layers.errors import TooMuch
from layers.layer_rights import LayerRights
from layers.moment import Moment
from layers.read.rights import rights_at
from server.state import State
from tiles.vector import depends_on_live

LAYERS_MAX = 100
_SETTLING = timedelta(seconds=10)  # what is being written may yet become known as of a moment so near


async def shown_since(state: State, actor: Actor, names: Sequence[str], moment: Moment | None) -> dict[str, datetime]:
    """Return the time for each layer of which it is known; the tiles of the others may differ at any moment.

    A layer whose past the actor may not read is one of the others.

    Raises
    ------
    NotFound
        For a layer that is not there, or hidden from the actor.
    TooMuch
        For too many layers.
    """
    if len(names) > LAYERS_MAX:
        raise TooMuch(f"layers names {len(names)} layers; at most {LAYERS_MAX} at once", parameter="layers")
    catalog = state.catalog.current
    seen = {name: catalog.visible(name, actor).as_of(moment) for name in names}
    if not state.catalog.trusted or (moment is not None and moment.at > datetime.now(UTC) - _SETTLING):
        return {}
    found = {}
    for name, layer in seen.items():
        rights = _rights(layer, actor)
        if rights is None or not rights.reads(layer.lowest_grade) or depends_on_live(layer.definition):
            continue
        at = None if moment is None else moment.at
        since = await state.shown_since.since(state.pool, state.catalog.identity, catalog[name], at, rights)
        if since is not None:
            found[name] = since
    return found


def _rights(layer: Layer, actor: Actor) -> LayerRights | None:
    """Return the rights at the layer's moment; for the present None where the past shows the actor something else."""
    rights = rights_at(layer, actor)
    if layer.moment is not None:
        return rights
    return rights if rights.digest == rights_at(layer, actor.as_historian()).digest else None
