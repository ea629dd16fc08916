"""What leaves a reader's rows is taken off his map: a change tells what its feature was before it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import orjson

from twin.live.visibility import Visibility
from twin.log.change import Change, FeatureChange

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
    return visibility.see(prior, lambda _: {**row, **(prior.get("before") or {})}) is not None


def removal_of(change: Change) -> tuple[FeatureChange, bytes]:
    """Return the change that takes a feature off a reader's map, also as JSON: its layer and id, and nothing else."""
    removal: FeatureChange = {"kind": "feature", "layer": change["layer"], "id": change["id"], "operation": "delete"}
    return removal, orjson.dumps(removal)
