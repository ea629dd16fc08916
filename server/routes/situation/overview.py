"""`/twin/overview`: the state of an area in one answer, for walls, desks and phones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Query
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from layers.actor import Actor
from layers.catalog import Catalog
from layers.database.connection import in_our_words
from layers.moment import Moment, read_moment
from server.audit.touched import touch
from server.caches.minute_cache import MINUTE_S
from server.dependencies import ActorHere, IdentityHere, StateHere
from server.http.caching import PRIVATE_HEADERS
from server.state import State
from server.surroundings.datum_route import AnswerCrs, DatumRoute
from twin.notes import LeaderNote, list_notes
from twin.overview.definition import read_overview
from twin.overview.document import overview_document
from twin.overview.figures import IndicatorValue
from twin.overview.overview import Overview, OverviewQuestion, read_overview_of, read_week_before
from twin.overview.place import check_tiers

router = APIRouter(prefix="/twin", tags=["twin"], route_class=DatumRoute)
KEPT_S = 3.0
NOTES_MAX = 5


class OverviewParams(BaseModel):
    """The query parameters of `/twin/overview`."""

    model_config = ConfigDict(extra="forbid")

    area: str | None = Field(
        None, max_length=15, description="区划或网格代码 code of an area; everything by default", examples=["440106011"]
    )
    by: Literal["district", "street", "community", "grid"] | None = Field(
        None, description="下级的级别 the tier of the areas below; the next one by default"
    )
    at: str | None = Field(None, max_length=60, description="时刻，须带时区 as of this moment; now by default")
    basis: str | None = Field(None, max_length=40, description="known 当时所知 as known then; phenomenon 当时实情")
    answer_crs: AnswerCrs = "OGC:CRS84"


class OverviewAnswer(BaseModel):
    """The state of an area."""

    at: datetime = Field(description="the moment of the numbers")
    live: bool = Field(description="whether that is the present")
    area: dict[str, Any] | None = Field(description="code, id, name, tier and corners; null for everything")
    below: str | None = Field(description="the tier of `children`")
    indicators: list[dict[str, Any]] = Field(
        description="id, title, unit, formula, value, part and whole of a share, observed_at (null: as of `at`), "
        "compare with the same weekday and time a week before, and `by` codes"
    )
    children: list[dict[str, Any]] = Field(description="the areas below with the main indicators, for maps and ranks")
    elsewhere: dict[str, Any] = Field(description="numbers of features that lie in none of `children`")
    lists: dict[str, Any] = Field(description="warnings, newest events, deepest water, levels over warning, most rain")
    trends: dict[str, Any] = Field(description="numbers of the last hours, the oldest first")
    notes: list[dict[str, Any]] = Field(description="批示 the newest notes of leaders that the reader may see")


@router.get("/overview", summary="全区态势 The state of an area in one answer", response_model=OverviewAnswer)
async def overview(
    state: StateHere, actor: ActorHere, identity: IdentityHere, params: Annotated[OverviewParams, Query()]
) -> Response:
    """Return indicators of an area and of the areas below it, with lists and trends, as the reader may see them.

    The present is at most three seconds old. Numbers are those of `/items` with the same filter.
    """
    catalog, moment = state.catalog.current, read_moment(params.at, params.basis)
    _, code = check_tiers(params.area, params.by)
    asked = OverviewQuestion(read_overview(), code, params.by, moment, moment.at if moment else datetime.now(UTC))
    with in_our_words():
        if moment is None:
            key = "overview", actor.audience, code, params.by, state.catalog.fingerprint
            make = partial(_found, state, catalog, actor, asked)
            told, before, at = await state.minutes.get_once(key, make, KEPT_S)
        else:
            told, before, at = await _found(state, catalog, actor, asked)
        notes = await _notes(state, catalog, actor, code, reads="read_notes" in identity.duties and moment is None)
    _touch(catalog, actor, told, notes, moment)
    document = overview_document(told, before, catalog, at=at, live=moment is None)
    document["notes"] = [asdict(note) for note in notes]
    return Response(orjson.dumps(document), media_type="application/json", headers=PRIVATE_HEADERS)


async def _found(
    state: State, catalog: Catalog, actor: Actor, asked: OverviewQuestion
) -> tuple[Overview, Mapping[str, IndicatorValue], datetime]:
    """Read what is told, beside the figures of a week before; those of the present are kept for a minute."""
    told = await read_overview_of(state.pool, catalog, actor, asked)
    make = partial(read_week_before, state.pool, catalog, actor, asked)
    if asked.moment is not None:
        return told, await make(), asked.at
    key = "week before", actor.audience, asked.code, state.catalog.fingerprint
    return told, await state.minutes.get_once(key, make, MINUTE_S), asked.at


async def _notes(
    state: State, catalog: Catalog, actor: Actor, code: str | None, *, reads: bool
) -> Sequence[LeaderNote]:
    if not reads:
        return ()
    return await list_notes(state.pool, catalog, actor, area=code, limit=NOTES_MAX)


def _touch(catalog: Catalog, actor: Actor, told: Overview, notes: Sequence[LeaderNote], moment: Moment | None) -> None:
    """Note what the answer holds: numbers of layers, and features of lists with a few properties."""
    for layer_id in sorted(told.layers):
        touch(catalog[layer_id].as_of(moment), actor, fields=False)
    for one, found in told.lists:
        touch(catalog.visible(one.layer, actor).as_of(moment), actor, rows=len(found), properties=one.properties)
    for note in notes:
        touch(catalog[note.layer], actor, rows=1, properties=("name", "title"))
