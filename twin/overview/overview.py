"""The overview of an area: every indicator that a reader is told, in one snapshot of the database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import asyncpg

from layers.actor import Actor
from layers.catalog import Catalog, Layer
from layers.errors import Forbidden
from layers.moment import Moment
from layers.read.rights import layer_at, rights_at
from twin.overview.counters import counted_figures
from twin.overview.definition import FeatureList, IndicatorGroup, OverviewDefinition, Trend
from twin.overview.figures import IndicatorValue, IndicatorValues, read_figures
from twin.overview.lists import HourCount, ListedFeature, is_as_old, read_list, read_trend
from twin.overview.place import OverviewPlace, find_place
from twin.overview.statement import group_statement, told_indicators

WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class OverviewQuestion:
    """What is asked.

    Attributes
    ----------
    code, by
        Of the area and the tier of the areas below, as `twin.overview.place.find_place` takes them.
    moment
        None is the present.
    at
        The moment as a time, of the present too.
    """

    definition: OverviewDefinition
    code: str | None
    by: str | None
    moment: Moment | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Overview:
    """What is told.

    Attributes
    ----------
    figures
        By id of the indicator, in the order of the definitions.
    layers
        Ids of the layers that were read to count.
    """

    place: OverviewPlace
    figures: Mapping[str, IndicatorValues]
    lists: Sequence[tuple[FeatureList, Sequence[ListedFeature]]] = ()
    trends: Sequence[tuple[Trend, Sequence[HourCount]]] = ()
    layers: frozenset[str] = field(default_factory=frozenset)


async def read_overview_of(pool: asyncpg.Pool, catalog: Catalog, actor: Actor, question: OverviewQuestion) -> Overview:
    """Read all that an actor is told of an area, as of one moment of the database.

    Raises
    ------
    NotFound, BadInput, TooMuch
        As `find_place`.
    Forbidden
        When a moment is asked for and the actor may not look back at any layer.
    """
    async with pool.acquire() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
        place = await find_place(connection, catalog, actor, question.moment, code=question.code, by=question.by)
        reading = _Reading(connection, catalog, actor, question, place)
        figures = await reading.all_figures()
        listed = [(one, await reading.list(one)) for one in question.definition.lists]
        counted = [(one, await reading.trend(one)) for one in question.definition.trends]
    lists = [(one, found) for one, found in listed if found is not None]
    trends = [(one, found) for one, found in counted if found is not None]
    return Overview(place, figures, lists, trends, frozenset(reading.layers))


async def read_week_before(
    pool: asyncpg.Pool, catalog: Catalog, actor: Actor, question: OverviewQuestion
) -> Mapping[str, IndicatorValue]:
    """Return the figures of the area a week before, by id; of layers whose past the actor may not see, none.

    They are those of that moment as they are known today. A value without any observation is left out.
    """
    then = question.at - WEEK
    asked = replace(question, moment=Moment(then, "phenomenon"), at=then)
    async with pool.acquire() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
        place = await find_place(connection, catalog, actor, question.moment, code=question.code, by=question.by)
        place = replace(place, below=None, children=())
        reading = _Reading(connection, catalog, actor, asked, place)
        figures = await reading.all_figures(compared=True)
    return {name: one.total for name, one in figures.items() if _was_known(one)}


def _was_known(one: IndicatorValues) -> bool:
    return one.total.value is not None and (one.told.observed is None or one.total.observed_at is not None)


@dataclass(slots=True)
class _Reading:
    """What is read for one answer."""

    connection: asyncpg.Connection
    catalog: Catalog
    actor: Actor
    question: OverviewQuestion
    place: OverviewPlace
    layers: set[str] = field(default_factory=set)

    def layer(self, layer_id: str) -> Layer | None:
        """Return a layer as of the moment; None when the actor may not see it, or not as it was."""
        found = self.catalog.find(layer_id, self.actor)
        if found is None:
            return None
        try:
            return layer_at(found, self.actor, self.question.moment)
        except Forbidden:
            return None

    async def all_figures(self, *, compared: bool = False) -> dict[str, IndicatorValues]:
        """Return the figures of all groups, by id; of those that compare alone if asked."""
        found: dict[str, IndicatorValues] = {}
        for group in self.question.definition.groups:
            if compared:
                chosen = tuple(one.model_copy(update={"by": ()}) for one in group.indicators if one.compares)
                if not chosen or not await self._reaches_back(group.layer):
                    continue
                group = group.model_copy(update={"indicators": chosen})  # noqa: PLW2901
            found |= {one.told.indicator.id: one for one in await self._group(group)}
        return found

    async def _reaches_back(self, layer_id: str) -> bool:
        """Whether a layer with times has features as old as the moment: a new twin has no week before."""
        layer = self.catalog.find(layer_id, self.actor)
        if layer is None or layer.definition.time is None:
            return layer is not None
        return await is_as_old(self.connection, layer, self.actor, self.question.at)

    async def _group(self, group: IndicatorGroup) -> Sequence[IndicatorValues]:
        layer = self.layer(group.layer)
        told = () if layer is None else told_indicators(group, layer, self.actor, self.question.at)
        if layer is not None and told:
            statement = group_statement(told, layer, self.actor, self.place, from_above=group.from_above)
            if statement is None:
                return ()
            self.layers.add(layer.id)
            partial = not rights_at(layer, self.actor).is_by_grade
            return await read_figures(self.connection, statement, layer, partial=partial)
        return await self._counted(group) if self.question.moment is None else ()

    async def _counted(self, group: IndicatorGroup) -> Sequence[IndicatorValues]:
        if group.layer not in self.catalog:
            return ()
        found = [
            await counted_figures(self.connection, self.catalog, self.actor, group.layer, one, self.place)
            for one in group.indicators
        ]
        told = [one for one in found if one is not None]
        if told:
            self.layers.add(group.layer)
        return told

    async def list(self, one: FeatureList) -> Sequence[ListedFeature] | None:
        """Return the features of a list; None when it is not told."""
        layer = self.layer(one.layer)
        if layer is None:
            return None
        return await read_list(self.connection, one, layer, self.actor, self.place, self.question.at)

    async def trend(self, one: Trend) -> Sequence[HourCount] | None:
        """Return the hours of a trend; None when it is not told."""
        layer = self.layer(one.layer)
        if layer is None:
            return None
        return await read_trend(self.connection, one, layer, self.actor, self.place, self.question.at)
