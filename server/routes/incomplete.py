"""`/twin/incomplete`: events without a place or a class; operators complete them."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from layers.database.connection import in_our_words
from layers.errors import BadInput
from server.dependencies import StateHere, require_duty
from server.identity.identity import Identity
from server.state import State
from twin.store.events.completion import NAME, completed, counts, incomplete

router = APIRouter(prefix="/twin/incomplete", tags=["feeds"])
_Guarded = Annotated[Identity, Depends(require_duty("quarantine"))]
LIMIT_MAX = 1000
_NO_STORE = {"Cache-Control": "no-store"}


class IncompleteEvent(BaseModel):
    """An event that waits for its place, its class, or both."""

    id: str
    source: str | None
    title: str | None
    address: str | None
    matter_code: str | None
    event_class: str | None
    place_fault: str | None = Field(description="what was wrong with the place its sender gave")
    place_given: str | None = Field(description="that place, as it was written")
    occurred_at: datetime | None
    due_at: datetime | None
    needs: list[Literal["place", "class"]]


class IncompleteEvents(BaseModel):
    """A page of events that wait, and how many lack what."""

    events: list[IncompleteEvent]
    next: str | None = Field(description="`after` of the next page")
    waiting: dict[str, int]


class Completion(BaseModel):
    """What a person has found out of an event."""

    model_config = ConfigDict(extra="forbid")

    lon: float | None = Field(default=None, ge=-180, le=180, description="CRS84")
    lat: float | None = Field(default=None, ge=-90, le=90, description="CRS84")
    event_class: str | None = Field(default=None, max_length=10, description="of the code list event_class")


class Completed(BaseModel):
    """What became of a completion; the event is joined anew when the answer comes."""

    id: str
    accepted: int


@router.get("", summary="Events without a place or a class")
async def list_incomplete(
    state: StateHere,
    response: Response,
    _: _Guarded,
    need: Annotated[Literal["place", "class"] | None, Query(description="those that lack this")] = None,
    after: Annotated[str, Query(max_length=200)] = "",
    limit: Annotated[int, Query(ge=1, le=LIMIT_MAX)] = 100,
) -> IncompleteEvents:
    """List open events that wait to be completed, in the order of their ids."""
    if "\0" in after:
        raise BadInput("after holds a NUL", parameter="after")
    response.headers.update(_NO_STORE)
    with in_our_words():
        async with state.pool.acquire() as connection:
            found = await incomplete(connection, need=need, after=after, limit=limit)
            waiting = await counts(connection)
    following = found[-1].id if len(found) == limit else None
    shown = [IncompleteEvent.model_validate(asdict(one)) for one in found]
    return IncompleteEvents(events=shown, next=following, waiting=waiting)


@router.post("/{event_id}", summary="Complete an event")
async def complete(event_id: str, completion: Completion, state: StateHere, _: _Guarded) -> Completed:
    """Say where an event is, of which class it is, or both; it is joined as all are."""
    if (completion.lon is None) != (completion.lat is None):
        raise BadInput("lon and lat belong together", parameter="lon")
    if "\0" in event_id:
        raise BadInput("an event's id holds no NUL", parameter="event_id")
    lonlat = (completion.lon, completion.lat) if completion.lon is not None and completion.lat is not None else None
    return await _complete(state, event_id, lonlat, completion.event_class)


async def _complete(
    state: State, event_id: str, lonlat: tuple[float, float] | None, event_class: str | None
) -> Completed:
    with in_our_words():
        async with state.pool.acquire() as connection:
            catalog = state.catalog.current
            message = await completed(connection, catalog, event_id, lonlat=lonlat, event_class=event_class)
    outcome = await state.intake.offer(NAME, [message])
    return Completed(id=event_id, accepted=outcome.accepted)
