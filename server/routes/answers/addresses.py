"""`/twin/addresses`: search in the address library; and for events that came without a place."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from layers.actor import Actor
from layers.database.connection import in_our_words
from layers.errors import BadInput, NotFound
from server.audit.touched import touch
from server.dependencies import ActorHere, StateHere, require_duty
from server.http.caching import PRIVATE_HEADERS
from server.identity.identity import Identity
from server.state import State
from server.surroundings.datum_route import IN_ANY_DATUM, DatumRoute
from twin.geocoding.parse import CHARACTERS_MAX
from twin.geocoding.search import ADDRESSES, AddressSearch, search_addresses
from twin.store.events.completion import incomplete_event

router = APIRouter(prefix="/twin", tags=["twin"], route_class=DatumRoute)
CANDIDATES_MAX = 50
Limit = Annotated[int, Query(ge=1, le=CANDIDATES_MAX)]


@router.get("/addresses", summary="查地址 Search addresses", dependencies=IN_ANY_DATUM)
async def search(
    state: StateHere,
    response: Response,
    actor: ActorHere,
    q: Annotated[str, Query(max_length=CHARACTERS_MAX, description="地址 an address", examples=["龙口西路120号"])],
    limit: Limit = 10,
) -> AddressSearch:
    """Return the standard addresses that may be meant, with a confidence each, and whether one of them is certain."""
    response.headers.update(PRIVATE_HEADERS)
    return await _search(state, actor, q, limit)


@router.get(
    "/incomplete/{event_id}/addresses",
    summary="无位置事件的候选地址 Addresses of an event without a place",
    dependencies=IN_ANY_DATUM,
)
async def of_event(
    event_id: str,
    state: StateHere,
    response: Response,
    actor: ActorHere,
    _: Annotated[Identity, Depends(require_duty("quarantine"))],
    limit: Limit = 10,
) -> AddressSearch:
    """Return the standard addresses that the address of an incomplete event may mean; a person chooses."""
    response.headers.update({"Cache-Control": "no-store"})
    with in_our_words():
        async with state.pool.acquire() as connection:
            event = await incomplete_event(connection, event_id)
    if event is None:
        raise NotFound(f"there is no incomplete event '{event_id[:80]}'", parameter="event_id")
    if not event.address:
        raise BadInput("this event has no address either", parameter="event_id")
    return await _search(state, actor, event.address[:CHARACTERS_MAX], limit)


async def _search(state: State, actor: Actor, q: str, limit: int) -> AddressSearch:
    layer = state.catalog.current.visible(ADDRESSES, actor)
    with in_our_words():
        async with state.pool.acquire() as connection:
            found = await search_addresses(connection, layer, actor, q, limit, state.settings.geocoding.confidence)
    touch(layer, actor, rows=len(found.candidates))
    return found
