"""What the log is told of a row that a feed wrote."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import orjson

from layers.definition import GRADE, LayerDefinition
from layers.tiers import AREA_CODE, GRID_CODE
from twin.log.change import FeatureChange
from twin.store.features.rows import FeatureRow

_LABELS = (AREA_CODE, GRID_CODE)


def feature_change(
    definition: LayerDefinition,
    name: str,
    before: FeatureRow | None,
    after: FeatureRow | None,
    moving: FeatureRow | None = None,
) -> FeatureChange:
    """Return the change of a row that was written.

    Parameters
    ----------
    before, after
        The row as `read_rows` has it; None where it was or is not there, but one of them is.
    moving
        Labels and place of the newest position of what moves, by which those are judged who see positions.
    """
    was, now = (None if one is None else _state(definition, one) for one in (before, after))
    newest = cast("dict[str, Any]", now or was)
    own = {label: newest["row"].get(label) for label in _LABELS if label in newest["row"]}
    former = _former(was, now) if was and now else {}
    change: FeatureChange = {
        "kind": "feature",
        "layer": definition.id,
        "id": name,
        "operation": "delete" if now is None else "create" if was is None else "update",
        "grade": max(state["grade"] for state in (was, now) if state),
        "row": newest["row"],
    }
    if moving is None:
        boxes = {"old": was["box"] if was else None, "new": now["box"] if now else None}
        change |= cast("FeatureChange", {**own, **_middle(newest["box"]), **boxes})
        former |= _middle(was["box"]) if was and now and was["box"] != now["box"] else {}
    else:
        change |= cast("FeatureChange", {**moving, "stored": own})
        replaced = {label: former.pop(label) for label in _LABELS if label in former}
        former |= {"stored": own | replaced} if replaced else {}
    if was is None:
        change["before"] = None
    elif former:
        change["before"] = former
    return change


def _state(definition: LayerDefinition, row: FeatureRow) -> dict[str, Any]:
    return {"grade": row.get(GRADE, definition.grade), "row": orjson.loads(row["stored"]), "box": row["box"]}


def _former(was: Mapping[str, Any], now: Mapping[str, Any]) -> FeatureRow:
    """Return the former values of what differs, and the former grade where it was lower."""
    former = {name: value for name, value in was["row"].items() if now["row"].get(name) != value}
    return former | ({"grade": was["grade"]} if was["grade"] < now["grade"] else {})


def _middle(box: Sequence[float] | None) -> dict[str, float]:
    """Return longitude and latitude of the middle of a box (west, south, east, north)."""
    return {} if box is None else {"lon": (box[0] + box[2]) / 2, "lat": (box[1] + box[3]) / 2}
