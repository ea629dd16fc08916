"""`/live`: the changes of the twin as server-sent events, resumable by number."""

from __future__ import annotations

from functools import partial
from math import ceil
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.responses import StreamingResponse
from starlette.types import Scope

from layers.actor import Actor
from layers.audit.record import AuditAction
from layers.coordinates.crs import CRS84, read_answer_crs
from layers.cql2 import FilterLimits
from layers.database.admission import CALLER
from layers.database.connection import in_our_words
from layers.errors import Unavailable
from server.audit.streams import begin_stream
from server.dependencies import ActorHere, StateHere
from server.http.gateway import client_address
from server.http.session_cookie import read_session_cookie
from server.identity.identity import Identity
from server.live.judge import judge_of
from server.live.snapshot_judge import StreamSnapshots
from server.live.stream import PLAIN_FORM, EventStream, StreamForm
from server.state import State
from twin.live.budget import caller_here
from twin.live.resume_point import ResumePoint
from twin.live.subscriber import LiveSource, Subscription
from twin.live.subscription import SubscriptionParams, read_interest

router = APIRouter(tags=["live"])
STRANGERS_SHARE = 0.8  # of all subscribers: however many strangers there are, an operator's map stays live


def _params(
    layers: Annotated[str, Query(max_length=1000, description="图层，逗号分隔 Collection ids, by comma")] = "",
    areas: Annotated[str, Query(max_length=8000, description="网格或区划代码前缀 Prefixes of area codes")] = "",
    bbox: Annotated[str, Query(max_length=200, description="west,south,east,north")] = "",
    bbox_crs: Annotated[
        str,
        Query(alias="bbox-crs", max_length=200, description="bbox 的坐标系，含 gcj02、bd09 of bbox; CRS84 by default"),
    ] = "",
    filter_: Annotated[str, Query(alias="filter", description="CQL2；须指定图层 needs layers")] = "",
    filter_lang: Annotated[str, Query(alias="filter-lang", description="cql2-text, cql2-json")] = "",
    filter_crs: Annotated[
        str, Query(alias="filter-crs", max_length=200, description="filter 的坐标系 of places in filter")
    ] = "",
) -> SubscriptionParams:
    return SubscriptionParams(layers.split(","), areas.split(","), bbox, filter_, filter_lang, bbox_crs, filter_crs)


def _start_after(
    since: Annotated[
        str | None, Query(max_length=40, description="从此序号或事件 id 之后 After this number or id of an event")
    ] = None,
    last_event_id: Annotated[str | None, Header(max_length=40)] = None,
) -> ResumePoint | None:
    """Return the point after which to begin: that of the last event the client saw, else `since`; None begins now.

    Our events' ids tell the rights. `Last-Event-ID` with a number alone is no id of ours, and who sends it has a
    picture of unknown rights; `since` with one asks to read the log from there.
    """
    if last_event_id is not None:
        return ResumePoint.read(last_event_id, "Last-Event-ID", is_resumed=True)
    return None if since is None else ResumePoint.read(since, "since")


def _form(
    f: Annotated[
        Literal["json", "cloudevents"], Query(description="cloudevents：每条变更一个 one for each change")
    ] = "json",
    crs: Annotated[
        str, Query(max_length=200, description="输出坐标 of what is sent: OGC:CRS84, gcj02 高德, bd09 百度")
    ] = CRS84.short,
) -> StreamForm:
    return StreamForm(is_cloud=f == "cloudevents", datum=read_answer_crs(crs, "crs").datum)


@router.get("/live", response_class=StreamingResponse, responses={200: {"content": {"text/event-stream": {}}}})
async def live(  # noqa: PLR0917  # the parameters are given by name
    request: Request,
    state: StateHere,
    actor: ActorHere,
    params: Annotated[SubscriptionParams, Depends(_params)],
    start: Annotated[ResumePoint | None, Depends(_start_after)],
    snapshot: Annotated[bool, Query(description="先发当前状态 The state first, then its changes")] = False,
    tiles: Annotated[bool, Query(description="也通知哪些瓦片变了 Also which tiles changed")] = False,
    notes: Annotated[
        bool, Query(description="也通知新的批示 Also what leaders wrote about, to who may read notes")
    ] = False,
    form: Annotated[StreamForm, Depends(_form)] = PLAIN_FORM,
) -> EventStream:
    """Stream changes from now on, or from a number on that was seen before."""
    source = source_of(state)
    source.tail.budget.check_text(caller_here(), len(params.filter))
    interest = read_interest(state.catalog.current, actor, params, filter_limits(state))
    again = judge_of(partial(actor_again, state, request.scope))
    judge = StreamSnapshots(state.exports, state.audit, source.catalog, request.scope, actor)
    subscription = Subscription(source, actor, interest, start, snapshot=snapshot, rejudge=again, judge=judge)
    with in_our_words():
        await subscription.prepare()
    changes = state.tile_changes.subscriber(actor, interest.layers) if tiles else None
    told = state.note_news.subscriber(partial(identity_again, state, request.scope)) if notes else None
    stream = await begin_stream(
        state.audit, request.scope, state.catalog.current, actor, interest.layers, AuditAction.STREAM
    )
    return EventStream(subscription, stream, changes, told, form)


async def actor_again(state: State, scope: Scope) -> Actor:
    """Return the actor of a request as it is now.

    Raises
    ------
    Unauthenticated, TooOften, Unavailable
        As `identity_again`.
    """
    return (await identity_again(state, scope)).actor


async def identity_again(state: State, scope: Scope) -> Identity:
    """Return who asks as he is now, by the credentials the request came with.

    Raises
    ------
    Unauthenticated, TooOften, Unavailable
        As `Authenticator.authenticate`.
    """

    def cookie() -> str | None:
        return read_session_cookie(scope, state.origins, state.settings.server.public_url)

    return await state.authenticator.authenticate(scope, client_address(scope), cookie)


def source_of(state: State) -> LiveSource:
    """Return the source of a new subscription.

    Raises
    ------
    Unavailable
        When this worker has its maximum of subscribers, strangers have their share of them, or the caller its own.
    """
    tail, live, caller = state.tail, state.settings.live, CALLER.get()
    is_stranger = caller is not None and not caller.known
    limit = ceil(live.clients_max * STRANGERS_SHARE) if is_stranger else live.clients_max
    if tail.watching >= limit:
        raise Unavailable(f"this server has {tail.watching} subscribers, which is the most it serves; come again later")
    if caller and tail.budget.streams_of(caller.key) >= live.caller_max:
        whose = "your address has" if is_stranger else "you have"
        raise Unavailable(f"{whose} {live.caller_max} streams, the most of one caller; come again when some have ended")
    return LiveSource(tail, state.pool, lambda: state.catalog.current, state.settings.live.heartbeat_s)


def filter_limits(state: State) -> FilterLimits:
    """Return how large a subscription's filter may be."""
    limits = state.settings.limits
    return FilterLimits(length=limits.filter_bytes, vertices=limits.filter_vertices)
