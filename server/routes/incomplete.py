"""`/twin/incomplete`: events without a place or a class; operators complete them, or give their place up."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from layers.actor import Actor
from layers.audit.record import AuditAction
from layers.database.connection import in_our_words
from layers.errors import BadInput
from server.dependencies import ActorHere, StateHere, require_duty
from server.identity.identity import Identity
from server.state import State
from twin.envelope.message import Message
from twin.geocoding.attempts import PlaceRefusal
from twin.geocoding.search import ADDRESSES, one_address
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
    verdict: Literal["unique", "ambiguous", "none", "outside"] | None = Field(
        description="地址自动查找的结果 what became of the search for its address: ambiguous and none wait; "
        "outside: the address is certain and cannot be right; null while it was not searched"
    )
    confidence: float | None = Field(description="of the likeliest address; the candidates are at …/addresses")
    refusal: PlaceRefusal | None = Field(description="放弃定位的原因 why a person gave its place up")


class IncompleteEvents(BaseModel):
    """A page of events that wait, and how many lack what."""

    events: list[IncompleteEvent]
    next: str | None = Field(description="`after` of the next page")
    waiting: dict[str, int]


class Completion(BaseModel):
    """What a person has found out of an event: a point, or a standard address; a class."""

    model_config = ConfigDict(extra="forbid")

    lon: float | None = Field(default=None, ge=-180, le=180, description="CRS84")
    lat: float | None = Field(default=None, ge=-90, le=90, description="CRS84")
    address_id: str | None = Field(
        default=None, max_length=200, description="候选地址 of a candidate, in place of a point"
    )
    event_class: str | None = Field(default=None, max_length=10, description="of the code list event_class")


class PlaceGivenUp(BaseModel):
    """Why the place of an event is given up."""

    model_config = ConfigDict(extra="forbid")

    reason: PlaceRefusal = Field(
        description="no_place 无具体地点, unclear 地址不清, elsewhere 不在本区, duplicate 重复: "
        "it has none, its address says too little, it lies outside the district, it is another event's"
    )


class Completed(BaseModel):
    """What became of a completion; the event is joined anew when the answer comes."""

    id: str
    accepted: int


@router.get("", summary="待补事件 Events without a place or a class")
async def list_incomplete(
    state: StateHere,
    response: Response,
    _: _Guarded,
    need: Annotated[Literal["place", "class"] | None, Query(description="those that lack this")] = None,
    after: Annotated[str, Query(max_length=200)] = "",
    limit: Annotated[int, Query(ge=1, le=LIMIT_MAX)] = 100,
    *,
    refused: Annotated[bool, Query(description="只看已放弃定位的 those whose place was given up")] = False,
) -> IncompleteEvents:
    """List open events that wait to be completed, in the order of their ids."""
    if "\0" in after:
        raise BadInput("after holds a NUL", parameter="after")
    response.headers.update(_NO_STORE)
    with in_our_words():
        async with state.pool.acquire() as connection:
            found = await incomplete(connection, need=need, refused=refused, after=after, limit=limit)
            waiting = await counts(connection)
    following = found[-1].id if len(found) == limit else None
    shown = [IncompleteEvent.model_validate(asdict(one)) for one in found]
    return IncompleteEvents(events=shown, next=following, waiting=waiting)


@router.post("/{event_id}", summary="补全事件 Complete an event")
async def complete(
    event_id: str, completion: Completion, request: Request, state: StateHere, actor: ActorHere, _: _Guarded
) -> Completed:
    """Say where an event is, by a point or a standard address, or its class, or both; it is joined as all are."""
    if (completion.lon is None) != (completion.lat is None):
        raise BadInput("lon and lat belong together", parameter="lon")
    if completion.lon is not None and completion.address_id is not None:
        raise BadInput("a place is a point (lon and lat) or an address (address_id), not both", parameter="address_id")
    if "\0" in event_id:
        raise BadInput("an event's id holds no NUL", parameter="event_id")
    message = await _addition(state, actor, event_id, completion)
    said = {name: 1 for name in ("lon", "address_id", "event_class") if getattr(completion, name) is not None}
    await state.audit.note(AuditAction.WRITE, f"events/{event_id[:200]}", scope=request.scope, detail=said)
    outcome = await state.intake.offer(NAME, [message])
    return Completed(id=event_id, accepted=outcome.accepted)


@router.post("/{event_id}/refusal", summary="放弃定位 Give the place of an event up", status_code=204)
async def give_up(event_id: str, given: PlaceGivenUp, request: Request, state: StateHere, identity: _Guarded) -> None:
    """Say that an event has no place that can be found: it waits no more, and is listed with `refused=true`."""
    detail = {"place": given.reason}
    await state.audit.note(AuditAction.WRITE, f"events/{event_id[:200]}", scope=request.scope, detail=detail)
    with in_our_words():
        await state.intake.give_up_place(event_id, given.reason, identity.subject.id)


async def _addition(state: State, actor: Actor, event_id: str, completion: Completion) -> Message:
    """Return the version of an event that holds what a person said."""
    lonlat = (completion.lon, completion.lat) if completion.lon is not None and completion.lat is not None else None
    catalog, address = state.catalog.current, None
    with in_our_words():
        async with state.pool.acquire() as connection:
            if completion.address_id is not None:
                library = catalog.visible(ADDRESSES, actor)
                address = await one_address(connection, library, actor, completion.address_id)
            return await completed(
                connection,
                catalog,
                event_id,
                lonlat=lonlat,
                address=address,
                event_class=completion.event_class,
            )
