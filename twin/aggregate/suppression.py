"""Small counts that are not shown, and those beside them that would give them away.

A count of 1 to `least - 1` is not shown. Where only one area of the area above has such a count, the next greater one
is not shown either: the count of the area above less the others would tell it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from layers.actor import Actor
from layers.catalog import Catalog, Layer
from layers.errors import BadInput, Forbidden, NotFound
from layers.layer_rights import rights_of
from layers.tiers import TIERS
from twin.aggregate.areas import Grouping

PERSON_LAYERS = frozenset({"grid_workers"})
"""Layers whose features are persons: neighbours could identify each of a few in one place."""
OFFICER_GRADE = 3
PERSONS_LEAST = 5


@dataclass(frozen=True, slots=True)
class Counting:
    """What an actor may learn of the counts of a layer.

    Attributes
    ----------
    layer, actor
        The layer, and the actor as which its features are counted.
    least
        The least count that is shown; 1 shows all.
    groupings
        Layers of areas that may be counted by; None is every grouping. Then features can be chosen by filters too.
    """

    layer: Layer
    actor: Actor
    least: int = 1
    groupings: frozenset[str] | None = None

    def check(self, by: Grouping, chosen_by: Collection[str]) -> None:
        """Check a question of somebody who may only count.

        Parameters
        ----------
        chosen_by
            Names of the parameters that choose among features.

        Raises
        ------
        Forbidden
            When it asks for other areas, or for some features alone: differences would tell single ones.
        """
        if self.groupings is None:
            return
        if by.layer_id not in self.groupings:
            allowed = ", ".join(sorted(self.groupings)) or "none"
            raise Forbidden(f"you may count '{self.layer.id}' by the areas of {allowed} alone", parameter="by")
        if chosen_by:
            raise Forbidden(f"you may count all of '{self.layer.id}', and not choose", parameter=min(chosen_by))


def counting(catalog: Catalog, layer_id: str, actor: Actor) -> Counting:
    """Return what an actor may learn of the counts of a layer.

    Raises
    ------
    NotFound
        When the actor may neither read nor count its features.
    """
    layer = catalog.get(layer_id)
    if layer is None or layer.visible_to(actor):
        visible = catalog.visible(layer_id, actor)
        sees_persons = rights_of(visible.definition, actor).top_grade >= OFFICER_GRADE
        least = PERSONS_LEAST if layer_id in PERSON_LAYERS and not sees_persons else 1
        return Counting(visible, actor, least)
    counter = actor.as_counter()
    rights = rights_of(layer.definition, counter)
    cases = rights.cases
    if not rights.reads(layer.lowest_grade):
        raise NotFound(f"there is no layer '{layer_id[:80]}' that you may count", parameter="layer")
    least = max(min(case.least_count for case in cases), PERSONS_LEAST if layer_id in PERSON_LAYERS else 1)
    return Counting(layer, counter, least, frozenset(name for case in cases for name in case.count_by))


def suppressed(rows: Sequence[Mapping[str, Any]], least: int) -> frozenset[str]:
    """Return the keys of the areas whose count is not shown.

    Parameters
    ----------
    rows
        `key` and `count` of each area.
    """
    if least <= 1:
        return frozenset()
    hidden: set[str] = set()
    for siblings in _by_parent(rows).values():
        small = [row for row in siblings if 0 < row["count"] < least]
        hidden |= {row["key"] for row in small}
        others = sorted((row for row in siblings if row["count"] >= least), key=lambda row: (row["count"], row["key"]))
        if len(small) == 1 and others:
            hidden.add(others[0]["key"])
    return frozenset(hidden)


def _by_parent(rows: Sequence[Mapping[str, Any]]) -> Mapping[str, list[Mapping[str, Any]]]:
    """Return rows by the code of the area above; areas without such a code have one in common."""
    digits = [tier.digits for tier in TIERS]
    found: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        key = str(row["key"])
        above = max((d for d in digits if d < len(key)), default=0) if key.isdigit() else 0
        found[key[:above]].append(row)
    return found


def check_whole_days(start: object, end: object) -> None:
    """Check the span of somebody who may only count.

    Raises
    ------
    BadInput
        When it does not begin and end at midnight, local time.
    """
    for name, at in (("from", start), ("to", end)):
        if at is not None and not str(at).endswith("16:00:00+00:00") and not str(at).endswith("00:00:00+08:00"):
            raise BadInput(f"{name} is {at}; you may count by whole days of local time", parameter=name)
