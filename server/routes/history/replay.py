"""`/twin/snapshot` and `/twin/replay`: the state of layers now or as of a moment, and the changes of a period."""

from __future__ import annotations

import re
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from layers.actor import Actor
from layers.audit.record import AuditAction
from layers.coordinates.crs import read_answer_crs, read_question_crs
from layers.cql2 import FilterLimits
from layers.database.connection import in_our_words
from layers.errors import BadInput, TooMuch
from layers.moment import Basis, Moment, read_moment, read_time
from server.audit.streams import begin_stream
from server.audit.touched import current_note
from server.dependencies import ActorHere, StateHere
from server.exports.taken import judge_taken
from server.http.caching import UNSTORED_HEADERS
from server.http.compressed import Compressed
from server.http.conditions import BboxCrs, FilterCrs, read_box
from server.http.gateway import client_address
from server.live.playback_judge import JudgedPlayback
from server.live.playbacks import PlaybackAnswer
from server.live.shifted import shifted_frames
from server.state import State
from server.surroundings.datum_route import AnswerCrs, DatumRoute, made_in
from twin.live.condition import ChangeFilter
from twin.live.interest import Interest
from twin.live.playback import LAYERS_MAX, PlaybackSpan, play
from twin.live.rights_mark import RightsMark
from twin.live.snapshot import take_snapshot
from twin.surroundings.nearby import chosen_layers

router = APIRouter(prefix="/twin", tags=["twin"], route_class=DatumRoute)
_STEP = re.compile(r"(\d{1,6})(s|m|h)?", re.ASCII)
_SECONDS = {None: 1, "s": 1, "m": 60, "h": 3600}
_ONE_BOX = "allowed is one box west,south,east,north that does not cross the 180th meridian"


class HistoryParams(BaseModel):
    """The query parameters of both routes."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    layers: str = Field(
        max_length=800, description=f"图层，逗号分隔 layer ids, at most {LAYERS_MAX}", examples=["events,grids"]
    )
    basis: str | None = Field(
        None, max_length=40, description="known 当时所知 as known then (default); phenomenon 当时实情 as it was"
    )
    areas: str | None = Field(None, max_length=2000, description="区划或网格代码前缀 prefixes of area or grid codes")
    bbox: str | None = Field(None, max_length=200, description="west,south,east,north")
    bbox_crs: BboxCrs = None
    filter: str | None = Field(None, description="CQL2 over properties that all of these layers have")
    filter_lang: Literal["cql2-text", "cql2-json"] = Field("cql2-text", alias="filter-lang")
    filter_crs: FilterCrs = None
    answer_crs: AnswerCrs = "OGC:CRS84"

    def interest(self, state: State, actor: Actor) -> Interest:
        """Return the requested layers, areas and box as an interest of an actor.

        Raises
        ------
        TooMuch
            When more layers are named than are served at once.
        BadInput
            When `bbox` is not one box, or the filter is none over these layers.
        NotFound
            When a layer does not exist or is hidden.
        """
        chosen = chosen_layers(state.catalog.current, actor, self.layers.split(","))
        if len(chosen) > LAYERS_MAX:
            raise TooMuch(f"layers names {len(chosen)} layers; at most {LAYERS_MAX} at once", parameter="layers")
        areas = tuple(dict.fromkeys(part.strip() for part in (self.areas or "").split(",") if part.strip()))
        box = read_box(self.bbox, self.bbox_crs)
        if box is not None and len(box.rectangles) != 1:
            raise BadInput(f"bbox is '{(self.bbox or '')[:80]}'; {_ONE_BOX}", parameter="bbox")
        bounds = FilterLimits(length=state.settings.limits.filter_bytes, vertices=state.settings.limits.filter_vertices)
        condition = None
        if self.filter is not None:
            crs = read_question_crs(self.filter_crs, "filter-crs")
            condition = ChangeFilter.read(self.filter, self.filter_lang, chosen, actor, bounds, crs)
        ids = frozenset(layer.id for layer in chosen)
        if box is None:
            return Interest(ids, areas, None, condition)
        return Interest(ids, areas, box.rectangles[0], condition, box.outline)


class SnapshotParams(HistoryParams):
    """The query parameters of `/twin/snapshot`."""

    at: str | None = Field(None, max_length=60, description="时刻，须带时区 as of this moment; now by default")


class ReplayParams(HistoryParams):
    """The query parameters of `/twin/replay`."""

    start: str = Field(
        alias="from", max_length=60, description="第一帧 first frame", examples=["2026-06-08T09:00:00+08:00"]
    )
    end: str = Field(
        alias="to", max_length=60, description="最后一帧 last frame", examples=["2026-06-08T11:00:00+08:00"]
    )
    step: str = Field("60s", max_length=10, description="步长 for example 60s, 5m, 1h")


class Snapshot(BaseModel):
    """The state of layers at one moment."""

    at: datetime = Field(description="the moment; without `at` that of the answer")
    basis: str
    seq: int | None = Field(None, description="now only: go on with `/live?since=` and miss nothing")
    rights: str | None = Field(None, description="now only: the mark of your rights; `since={seq}-{rights}`")
    watermark: dict[str, str] | None = Field(None, description="who took so much, by which approval, when")
    layers: dict[str, dict[str, Any]] = Field(description="a GeoJSON FeatureCollection a layer")


@router.get("/snapshot", summary="多图层快照 Several layers now, or as of a moment", response_model=Snapshot)
async def snapshot(state: StateHere, actor: ActorHere, params: Annotated[SnapshotParams, Query()]) -> Response:
    """Return each layer as a GeoJSON FeatureCollection, all of one moment.

    `known` is what had arrived by then, as it was answered then; `phenomenon` what was true then, by all that is known
    today. Without `at` the answer holds the number of the log and the mark of your rights: subscribe to
    `/live?since={seq}-{rights}` with the same layers, and no change is missed or told twice.
    """
    moment = read_moment(params.at, params.basis)
    interest = params.interest(state, actor)
    catalog = state.catalog.current
    with in_our_words():
        taken = await take_snapshot(state.pool, catalog, actor, interest, moment)
    watermark = await judge_taken(state.exports, catalog, actor, taken.found, moment)
    found = (b'%b:{"type":"FeatureCollection","features":[%b]}' % (orjson.dumps(n), f) for n, f in taken.layers.items())
    rights = RightsMark.of(actor, catalog, interest.layers).text
    head: dict[str, object] = {"at": datetime.now(UTC), "basis": "known", "seq": taken.seq, "rights": rights}
    if moment is not None:
        head = {"at": moment.at, "basis": moment.basis}
    head |= {"watermark": watermark.members} if watermark else {}
    body = b'%b,"layers":{%b}}' % (orjson.dumps(head)[:-1], b",".join(found))
    return Compressed(body, media_type="application/json", headers=UNSTORED_HEADERS)


@router.get("/replay", summary="逐帧回放 A time played again, frame by frame", response_class=StreamingResponse)
async def replay(
    request: Request, state: StateHere, actor: ActorHere, params: Annotated[ReplayParams, Query()]
) -> PlaybackAnswer:
    """Stream lines of JSON, one a step: `at`, and by layer the `features` that are new or other and the ids `removed`.

    The first line holds everything; a client that replaces and removes has the state of each moment.
    A replay that comes to hold more features than you may take ends with a line that has an `error`.
    A few replays run at a time, half of them for one address; one that is not read for half a minute is cut off.
    """
    last = read_moment(params.end, params.basis, "to")
    basis: Basis = last.basis if last else "known"
    span = PlaybackSpan(read_time(params.start, "from"), last.at if last else datetime.now(UTC), _step(params.step))
    with ExitStack() as place:
        place.enter_context(state.playbacks.place(client_address(request.scope)))
        interest = params.interest(state, actor)
        crs = read_answer_crs(params.answer_crs)
        frames = shifted_frames(play(state.pool, state.catalog.current, actor, interest, span, basis), crs.datum)
        with in_our_words():
            first = await anext(frames)  # an error must come before the response begins
        catalog = state.catalog.current
        then = Moment(span.start, basis)
        await judge_taken(state.exports, catalog, actor, first.met, then)
        judged = JudgedPlayback(state.exports, catalog, actor, then, current_note())
        stream = await begin_stream(
            state.audit, request.scope, catalog, actor, interest.layers, AuditAction.REPLAY, then
        )
        place.callback(stream.end)
        return PlaybackAnswer(
            first, judged.frames(first, frames, stream), place.pop_all(), {**UNSTORED_HEADERS, **made_in(crs)}
        )


def _step(text: str) -> timedelta:
    found = _STEP.fullmatch(text.strip())
    if found is None:
        raise BadInput(f"step is '{text[:20]}'; write seconds, minutes or hours: 60s, 5m, 1h", parameter="step")
    return timedelta(seconds=int(found[1]) * _SECONDS[found[2]])
