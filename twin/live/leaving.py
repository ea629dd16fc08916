"""What leaves a reader's rows is taken off his map: a change tells what its feature was before it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import orjson

from twin.live.channel import Channel
from twin.live.rows import FeatureProperties
from twin.live.visibility import SHAPES, SeenChange, Visibility
from twin.log.change import Change, FeatureChange, is_whole

STATES = frozenset({"event", "feature", "position"})  # kinds that say where a feature is and whose it is


def prior_of(change: Change) -> Change | None:
    """Return a change as it would have told what its feature was before; None where that was not there.

    Where the change does not say that anything differs, all was as it is: a reader may not see it now for its grade,
    which was raised later.
    """
    if change["kind"] not in STATES:
        return None
    before = change.get("before", {})
    return None if before is None else cast("Change", {**change, **before})


def was_seen(visibility: Visibility, prior: Change, row: Mapping[str, Any]) -> bool:
    """Return whether actors saw a feature as it was.

    Parameters
    ----------
    row
        The properties of the feature, as they are; those that were others then stand in `before`.
    """
    before = prior.get("before") or {}
    if "lon" in before:  # of its shape only the middle is known
        row = {name: value for name, value in row.items() if name not in SHAPES}
    return visibility.see(prior, lambda _: {**row, **before}) is not None


def removal_of(change: Change) -> tuple[FeatureChange, bytes]:
    """Return the change that takes a feature off a reader's map, also as JSON: its layer and id, and nothing else."""
    removal: FeatureChange = {"kind": "feature", "layer": change["layer"], "id": change["id"], "operation": "delete"}
    return removal, orjson.dumps(removal)


def is_gone(change: Change) -> bool:
    """Return whether the feature of a change was deleted: it leaves also the maps that it was outside of lately."""
    return change.get("operation") == "delete"


def told_late(channel: Channel, change: Change, judged: Change, rows: FeatureProperties) -> SeenChange | None:
    """Return what the members of a channel get of a change that is read late; None for nothing.

    That is what they see of it when they want it, or the removal of what they saw before it and may not see now.

    Parameters
    ----------
    change, judged
        As it was written, and with the grade that its feature has now.
    """
    if not is_whole(change):
        return None
    seen = channel.visibility.see(judged, rows.of)
    if seen is not None and channel.wants_seen(seen):
        return seen
    if not channel.interest.has_layer(change["layer"]):
        return None
    prior = prior_of(change) if seen is None else None
    left = is_gone(change) if seen else prior is not None and was_seen(channel.visibility, prior, rows.of(change))
    return SeenChange(removal_of(change)[0], {}) if left else None
