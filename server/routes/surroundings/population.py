"""`/twin/population`: how many people live on a piece of ground."""

from __future__ import annotations

from typing import Annotated

import asyncpg
from fastapi import APIRouter, Query
from pydantic import Field

from layers.actor import Actor
from layers.catalog import Layer
from layers.database.connection import in_our_words
from layers.moment import read_moment
from layers.read.rights import layer_at
from server.audit.touched import touch
from server.dependencies import ActorHere, StateHere
from server.routes.surroundings.collection import ComputedCollection, collection
from server.routes.twin import Feature, GeoJson
from server.state import State
from server.surroundings.datum_route import DatumRoute
from server.surroundings.questions import GroundBody, GroundParams
from twin.surroundings.computed import written_with_computed
from twin.surroundings.ground import Ground, ground_of
from twin.surroundings.population import BUILDINGS, COMMUNITIES, GroundPopulation, population_of

router = APIRouter(prefix="/twin", tags=["twin"], route_class=DatumRoute)
_MANY = 10  # as of counts of people in `domain.md` 7.3


class PopulationOnGround(ComputedCollection):
    """How many people live on a piece of ground, community by community; GeoJSON."""

    name: str | None = Field(description="区划代码或事件 id；所给之面为 null code of the area, or id of the event")
    area_m2: float
    people: int | None = Field(description="人数；无从得知为 null null where no number may be known")
    method: str = Field(
        description="buildings_by_area 按建筑占比、community_by_area 按社区面积占比，兼用以 + 相连；unknown 无从得知 "
        "how it was computed; of both, joined by a plus"
    )
    complete: bool = Field(description="false：有部分无从得知 false: of a part of the ground no number may be known")
    features: list[Feature] = Field(description="社区，属性 people、method、share（面积占比）、buildings communities")


@router.get(
    "/population",
    summary="范围内人口 People in an area",
    response_model=PopulationOnGround,
    response_class=GeoJson,
)
async def population(state: StateHere, actor: ActorHere, params: Annotated[GroundParams, Query()]) -> GeoJson:
    """区划内或预警所及范围内的居住人口，注明算法 (those who live in an area, or where a warning holds).

    By the buildings, each with the part of it that stands there; where a number is not known, or not the reader's to
    know, by the community, with the part of it that lies there.
    """
    with in_our_words():
        async with state.pool.acquire() as connection:
            ground = await ground_of(connection, state.catalog.current, actor, params.area, params.event)
            return await _answer(connection, state, actor, ground, params.at)


@router.post(
    "/population", summary="任一面内人口 People in a polygon", response_model=PopulationOnGround, response_class=GeoJson
)
async def population_in(question: GroundBody, state: StateHere, actor: ActorHere) -> GeoJson:
    """同 GET，范围为所给的面 (the same as GET, in a polygon)."""
    with in_our_words():
        async with state.pool.acquire() as connection:
            return await _answer(connection, state, actor, question.ground, question.at)


async def _answer(
    connection: asyncpg.Connection, state: State, actor: Actor, ground: Ground, at: str | None
) -> GeoJson:
    catalog, moment = state.catalog.current, read_moment(at, None)
    communities = layer_at(catalog.visible(COMMUNITIES, actor), actor, moment)
    found = catalog.find(BUILDINGS, actor)
    buildings = None if found is None else layer_at(found, actor, moment)
    people = await population_of(connection, actor, ground, communities, buildings)
    features = await written_with_computed(connection, [communities], actor, people.computed)
    _note(actor, communities, buildings, people, len(features))
    return collection(
        features,
        {
            "name": ground.name,
            "area_m2": round(ground.area_m2, 1),
            "people": people.people,
            "method": people.method,
            "complete": people.is_whole,
        },
    )


def _note(actor: Actor, communities: Layer, buildings: Layer | None, people: GroundPopulation, rows: int) -> None:
    """Note what the answer tells of: a sum over few buildings tells of each, and counts as having taken them."""
    touch(communities, actor, rows=rows)
    counted = [part.buildings for part in people.parts if part.buildings is not None]
    if buildings is not None and counted:
        touch(buildings, actor, rows=sum(n for n in counted if n < _MANY), properties=("population",))
