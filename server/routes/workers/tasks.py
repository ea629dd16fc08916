"""`/twin/tasks`: what somebody has to do, the most urgent first, and the steps by which it is done."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from layers.audit.record import AuditAction
from layers.catalog import Layer
from layers.clause import bind, compose
from layers.database.connection import in_our_words
from layers.errors import BadInput, Conflict, Forbidden, NotFound, Unauthenticated
from layers.live_source import EVENTS
from layers.read.query import ItemsQuery, find_features
from server.audit.touched import touch
from server.dependencies import ActorHere, IdentityHere, StateHere
from server.http.caching import PRIVATE_HEADERS
from server.identity.identity import Identity
from server.routes.answers.parameters import CrsName, OptionalLat, OptionalLon
from server.routes.workers.reports import Photo, Words
from server.state import State
from server.surroundings.datum_route import IN_ANY_DATUM, DatumRoute
from twin.envelope.message import Message
from twin.services.reporting import WORKER
from twin.services.tasks import may_handle, tasks_of
from twin.store.events.steps import NAME, STEPS, StepName, StepRequest, step_message
from twin.surroundings.spot import read_spot

router = APIRouter(prefix="/twin", tags=["twin"], route_class=DatumRoute)
TASKS_MAX = 200
_EXPLAINED = frozenset(("return", "suspend"))
_EVENT_ID = Annotated[str, Path(max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]


class Tasks(BaseModel):
    """Open events that the reader may handle, as GeoJSON, by their limits."""

    type: str = "FeatureCollection"
    complete: bool = Field(description="没有遗漏 whether there are no more")
    features: list[dict[str, Any]] = Field(description="with version, steps, mine, and distance_m from a place")


class NextStep(BaseModel):
    """A step of a task."""

    model_config = ConfigDict(extra="forbid")

    step: StepName = Field(description="接单、处理完毕、退回、挂起")
    version: int = Field(ge=0, description="`version` of the task as it was seen: if it has moved on, 409 says so")
    note: Annotated[Words, Field(max_length=1000)] = Field(
        default="", description="说明；退回、挂起须填 why it is sent back"
    )
    photos: list[Photo] = Field(default=[], max_length=9, description="图片引用 references; pictures are not sent")


class StepTaken(BaseModel):
    """What became of a step."""

    id: str
    stage: str
    duplicate: bool = Field(description="此前已收到 this very step had been taken before; it counts once")


@router.get("/tasks", summary="我的任务 My tasks", dependencies=IN_ANY_DATUM)
async def tasks(
    state: StateHere,
    response: Response,
    actor: ActorHere,
    lon: OptionalLon = None,
    lat: OptionalLat = None,
    crs: CrsName = "OGC:CRS84",
    limit: Annotated[int, Query(ge=1, le=TASKS_MAX)] = 50,
) -> Tasks:
    """Return the open events that the reader may handle, the earliest limit first; `overdue` says whether it is past.

    Whoever may handle nothing has no tasks.
    """
    if (lon is None) != (lat is None):
        raise BadInput("lon and lat belong together", parameter="lon")
    spot = None if lon is None or lat is None else read_spot(lon, lat, crs)
    events = state.catalog.current.visible(EVENTS, actor)
    response.headers.update(PRIVATE_HEADERS)
    with in_our_words():
        async with state.pool.acquire() as connection:
            found, is_whole = await tasks_of(connection, events, actor, spot, limit)
    touch(events, actor, rows=len(found))
    return Tasks(complete=is_whole, features=found)


@router.post("/tasks/{event_id}/steps", summary="任务的下一步 Take a step of a task")
async def take_step(
    event_id: _EVENT_ID, given: NextStep, request: Request, state: StateHere, identity: IdentityHere
) -> StepTaken:
    """Claim a task, finish it or send it back, in the name of who is logged in; checked against the version he saw.

    Sent again, the same step counts once. The stage moves as a version of the event through the intake.
    """
    if given.step in _EXPLAINED and not given.note.strip():
        raise BadInput("退回、挂起须说明原因 say in `note` why the task is sent back or put off", parameter="note")
    asked = StepRequest(
        event_id, given.step, given.version, _handler(identity), given.note.strip(), tuple(given.photos)
    )
    message = await _message(state, identity, asked)
    if message is not None:
        detail = {"step": asked.name, "version": asked.version}
        await state.audit.note(AuditAction.WRITE, f"events/{event_id}", scope=request.scope, detail=detail)
        outcome = await state.intake.offer(NAME, [message])
        if not outcome.accepted and await _message(state, identity, asked) is not None:
            raise Conflict("他人已先操作 somebody else was first; read the task again", parameter="version")
    return StepTaken(id=event_id, stage=STEPS[asked.name].after, duplicate=message is None)


def _handler(identity: Identity) -> str:
    if identity.is_anonymous:
        raise Unauthenticated("请先登录 log in to handle tasks")
    worker = identity.actor.attribute(WORKER)
    if worker is None:
        raise Forbidden("账户没有网格员编号 this account names no worker (attribute worker_id): it cannot handle tasks")
    return worker


async def _message(state: State, identity: Identity, asked: StepRequest) -> Message | None:
    """Return the message of a step.

    Raises
    ------
    NotFound
        When there is no such event, or the reader may not know of it.
    Forbidden
        When he may see it, and not handle it.
    Conflict
        As `step_message`.
    """
    actor = identity.actor
    events = state.catalog.current.visible(EVENTS, actor)
    with in_our_words():
        async with state.pool.acquire() as connection:
            if not await may_handle(connection, events, actor, asked.event_id):
                await _check_seen(connection, events, identity, asked.event_id)
                raise Forbidden("本账户不能处置此事件 no rule of the policy lets you handle this event")
            return await step_message(connection, asked, datetime.now(UTC))


async def _check_seen(connection: Any, events: Layer, identity: Identity, event_id: str) -> None:
    this = compose("f.id = {}", bind(event_id, "text"))
    query = ItemsQuery(events, identity.actor, this, properties=(), skip_geometry=True, limit=1)
    if not (await find_features(connection, query)).features:
        raise NotFound(f"there is no event '{event_id[:80]}'", parameter="event_id")
