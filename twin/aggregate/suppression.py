"""Counts of those who may only count: of whole areas and days, and by `twin.aggregate.small_counts` no small ones."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from layers.actor import Actor
from layers.catalog import Catalog, Layer
from layers.errors import BadInput, Forbidden, NotFound
from layers.layer_rights import rights_of
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
    own
        The counting of what the actor reads itself; None when it reads nothing, or counts that anyway. What it reads
        can be subtracted from what it counts, so the rest must be no small count either.
    """

    layer: Layer
    actor: Actor
    least: int = 1
    groupings: frozenset[str] | None = None
    own: Counting | None = None

    def settle(self, by: Grouping, chosen_by: Collection[str], start: object, end: object) -> Counting:
        """Return the counting that answers a question; who may read some features may ask anything about these alone.

        Parameters
        ----------
        chosen_by
            Names of the parameters that choose among features.
        start, end
            The span of time; None for an open side.

        Raises
        ------
        Forbidden, BadInput
            When somebody who may only count asks for other areas, for some features alone, or for parts of days:
            differences would tell single ones.
        """
        try:
            self._check(by, chosen_by)
            if self.groupings is not None:
                check_whole_days(start, end)
        except (Forbidden, BadInput):
            if self.own is None:
                raise
            return self.own
        return self

    def _check(self, by: Grouping, chosen_by: Collection[str]) -> None:
        if self.groupings is None:
            return
        if by.layer_id not in self.groupings:
            allowed = ", ".join(sorted(self.groupings)) or "none"
            raise Forbidden(f"you may count '{self.layer.id}' by the areas of {allowed} alone", parameter="by")
        if chosen_by:
            raise Forbidden(f"you may count all of '{self.layer.id}', and not choose", parameter=min(chosen_by))


def counting(catalog: Catalog, layer_id: str, actor: Actor) -> Counting:
    """Return what an actor may learn of the counts of a layer.

    Who reads more than what is public counts what he reads. Anybody else counts all that he may count.

    Raises
    ------
    NotFound
        When the actor may neither read nor count its features.
    """
    layer = catalog.get(layer_id)
    if layer is None:
        return _of_reader(catalog.visible(layer_id, actor), actor)
    reads, counts = rights_of(layer.definition, actor), rights_of(layer.definition, actor.as_counter())
    own = _of_reader(catalog.visible(layer_id, actor), actor) if layer.visible_to(actor) else None
    more = [case for case in counts.cases if not any(one.reaches(case) for one in reads.cases)]
    if own is not None and (reads.top_grade > 1 or not more):
        return own
    if not counts.reads(layer.lowest_grade):
        raise NotFound(f"there is no layer '{layer_id[:80]}' that you may count", parameter="layer")
    least = max(min(case.least_count for case in more), PERSONS_LEAST if layer_id in PERSON_LAYERS else 1)
    groupings = frozenset(name for case in more for name in case.count_by)
    return Counting(layer, actor.as_counter(), least, groupings, own)


def _of_reader(layer: Layer, actor: Actor) -> Counting:
    sees_persons = rights_of(layer.definition, actor).top_grade >= OFFICER_GRADE
    return Counting(layer, actor, PERSONS_LEAST if layer.id in PERSON_LAYERS and not sees_persons else 1)


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
