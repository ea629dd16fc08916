"""Numbers of features for readers who may only count a layer: of whole areas, small ones hidden."""

from __future__ import annotations

import asyncpg

from layers.actor import Actor
from layers.catalog import Catalog
from layers.clause import EMPTY, Clause
from layers.errors import Forbidden, NotFound
from twin.aggregate.answer import properties
from twin.aggregate.areas import AREAS, membership
from twin.aggregate.question import Question
from twin.aggregate.run import count_allowed
from twin.aggregate.suppression import counting
from twin.overview.definition import Indicator
from twin.overview.figures import IndicatorValue, IndicatorValues
from twin.overview.place import OverviewPlace
from twin.overview.statement import ToldIndicator

_PLAIN = Clause("count(*)")


async def counted_figures(
    connection: asyncpg.Connection, catalog: Catalog, actor: Actor, layer_id: str, one: Indicator, place: OverviewPlace
) -> IndicatorValues | None:
    """Return the figures of an indicator that counts all features of a layer; None where the actor may not count so.

    The area's own number is the sum of those below; it is not told where small numbers are hidden.
    """
    if place.below is None or one.measure != "count" or one.where:
        return None
    try:
        allowed = counting(catalog, layer_id, actor)
        if allowed.groupings is None:
            return None
        by = membership(AREAS[place.below.name], allowed.layer)
        allowed = allowed.settle(by, (), None, None)
    except (NotFound, Forbidden):
        return None
    if allowed.groupings is None:
        return None
    question = Question(allowed.layer, allowed.actor, by)
    counts = await count_allowed(connection, catalog, question, allowed, actor, with_geometry=False)
    inside = {child.code for child in place.children}
    shown = (properties(counts, row) for row in counts.areas if row["key"] in inside)
    below: dict[str | None, IndicatorValue] = {area["code"]: IndicatorValue(area["count"]) for area in shown}
    total = None if counts.hides else sum(int(one.value or 0) for one in below.values())
    told = ToldIndicator(one, _PLAIN, None, None, EMPTY, ())
    return IndicatorValues(told, IndicatorValue(total), below)
