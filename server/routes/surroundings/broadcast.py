"""`/twin/broadcast-terminals`: the terminals of the emergency broadcast that are heard on a piece of ground."""

from __future__ import annotations

from typing import Annotated

import asyncpg
from fastapi import APIRouter, Query
from pydantic import Field

from layers.actor import Actor
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
from twin.surroundings.broadcast import TERMINALS, terminals_heard
from twin.surroundings.computed import written_with_computed
from twin.surroundings.ground import Ground, ground_of

router = APIRouter(prefix="/twin", tags=["twin"], route_class=DatumRoute)


class BroadcastTerminals(ComputedCollection):
    """The terminals that are heard on a piece of ground; GeoJSON."""

    name: str | None = Field(description="区划代码或事件 id；所给之面为 null code of the area, or id of the event")
    area_m2: float
    covered_share: float = Field(description="在线终端覆盖的面积占比 where any terminal that works is heard")
    complete: bool = Field(description="没有未查的终端 no terminal was left out unseen")
    features: list[Feature] = Field(
        description="属性 covered_share、usable（离线或故障为 false）；可用者在前，覆盖大者在前 "
        "those that work first, then by what they cover"
    )


@router.get(
    "/broadcast-terminals",
    summary="可用的应急广播 Broadcast terminals for a warning",
    response_model=BroadcastTerminals,
    response_class=GeoJson,
)
async def broadcast_terminals(state: StateHere, actor: ActorHere, params: Annotated[GroundParams, Query()]) -> GeoJson:
    """区划内或预警所及范围内听得到的应急广播终端 (those that are heard in an area, or where a warning holds)."""
    with in_our_words():
        async with state.pool.acquire() as connection:
            ground = await ground_of(connection, state.catalog.current, actor, params.area, params.event)
            return await _answer(connection, state, actor, ground, params.at)


@router.post(
    "/broadcast-terminals",
    summary="任一面内的应急广播 Broadcast terminals for a polygon",
    response_model=BroadcastTerminals,
    response_class=GeoJson,
)
async def broadcast_terminals_in(question: GroundBody, state: StateHere, actor: ActorHere) -> GeoJson:
    """同 GET，范围为所给的面 (the same as GET, in a polygon)."""
    with in_our_words():
        async with state.pool.acquire() as connection:
            return await _answer(connection, state, actor, question.ground, question.at)


async def _answer(
    connection: asyncpg.Connection, state: State, actor: Actor, ground: Ground, at: str | None
) -> GeoJson:
    layer = layer_at(state.catalog.current.visible(TERMINALS, actor), actor, read_moment(at, None))
    found = await terminals_heard(connection, layer, actor, ground)
    features = await written_with_computed(connection, [layer], actor, found.terminals)
    touch(layer, actor, rows=len(features))
    head = {
        "name": ground.name,
        "area_m2": round(ground.area_m2, 1),
        "covered_share": round(found.share, 4),
        "complete": found.terminals.is_whole,
    }
    return collection(features, head)
