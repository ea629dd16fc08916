"""`/twin/features/{layer}/{id}/track`: where a moving feature was."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Query
from fastapi.responses import Response
from pydantic import BaseModel, Field

from layers.audit.record import AuditAction
from layers.coordinates.crs import read_answer_crs
from layers.database.connection import in_our_words
from layers.moment import Moment
from layers.read.facts import position_fields
from layers.read.rights import layer_at
from server.audit.touched import touch
from server.dependencies import ActorHere, StateHere
from server.formats.table import check_crs
from server.http.caching import UNSTORED_HEADERS
from server.http.compressed import Compressed
from server.http.history import COLUMN_FORMS, SpanParams, choose_form, has_places
from server.routes.history.files import HistoryFile
from server.routes.history.row_text import TEXTS, RowText
from server.surroundings.datum_route import AnswerCrs, DatumRoute, made_in
from twin.history.shapes import track_batch
from twin.history.track import (
    SPAN_MAX,
    TOLERANCE_M_MAX,
    VERTICES_MAX,
    Track,
    as_feature,
    as_rows,
    check_moves,
    read_track,
)

router = APIRouter(prefix="/twin", tags=["history"], route_class=DatumRoute)
_FORMS = ("geojson", "csv", "geojsonseq", *COLUMN_FORMS)
_DAY = timedelta(days=1)


class TrackParams(SpanParams):
    """The query parameters of a track."""

    simplify_m: float | None = Field(
        None,
        gt=0,
        le=TOLERANCE_M_MAX,
        allow_inf_nan=False,
        description="化简容差 how far it may be from where it was then",
    )
    answer_crs: AnswerCrs = "OGC:CRS84"
    f: str = Field("geojson", max_length=20, description=", ".join(_FORMS))


class TrackProperties(BaseModel):
    """What is known of a track; lists have the shape of the coordinates."""

    layer: str
    start: datetime = Field(alias="from")
    end: datetime = Field(alias="to")
    vertices: int
    length_m: float
    times: list[Any] = Field(description="the time of each vertex; of several lines, a list for each")
    speed_kmh: list[Any] | None = None
    heading_deg: list[Any] | None = None


class TrackFeature(BaseModel):
    """A track as a GeoJSON feature: LineString, MultiLineString over gaps, Point for one place, null for none."""

    type: str = "Feature"
    id: str
    geometry: dict[str, Any] | None
    properties: TrackProperties


@router.get(
    "/features/{layer}/{feature_id}/track", summary="移动轨迹 Where a moving feature was", response_model=TrackFeature
)
async def track(
    layer: str, feature_id: str, state: StateHere, actor: ActorHere, params: Annotated[TrackParams, Query()]
) -> Response:
    """Return the way of a vehicle or a person as a line with the time, speed and heading of each vertex.

    Each vertex is shown as the feature was shown then: by the rights on its row and on the area where it was.
    `simplify_m` leaves out vertices; at every time the line is no farther than that from where the feature was.
    """
    form, crs = choose_form(params.f, _FORMS), read_answer_crs(params.answer_crs)
    if form in COLUMN_FORMS:
        check_crs(COLUMN_FORMS[form], crs, COLUMN_FORMS.values(), "answer_crs")
    span = params.span(usual=_DAY, most=SPAN_MAX)
    visible = state.catalog.current.visible(layer, actor)
    check_moves(visible)
    with in_our_words():
        async with state.lookups.acquire() as connection:
            found = await read_track(connection, visible, actor, feature_id, span)
    past = layer_at(visible, actor, Moment(span.end, "phenomenon"))
    shown = position_fields(visible.definition).values()
    touch(past, actor, feature=feature_id, rows=1, action=AuditAction.REPLAY, properties=shown)
    if params.simplify_m is not None:
        found = await asyncio.to_thread(found.simplified, params.simplify_m)  # which takes a while for a long one
    if form in COLUMN_FORMS:
        file = HistoryFile(state, COLUMN_FORMS[form], "track", VERTICES_MAX, crs)
        return await file.whole(*track_batch(found, places=has_places(file.media)), {})
    if form == "geojson":
        body = await asyncio.to_thread(_feature, found, layer, feature_id, span.start, span.end)
        return Compressed(body, media_type="application/geo+json", headers=UNSTORED_HEADERS)
    text = RowText(form, ("time", "lon", "lat", *found.measured), crs.datum)
    head = {"layer": layer, "id": feature_id} if form == "geojsonseq" else {}
    body = await asyncio.to_thread(text.some, [{**head, **row} for row in as_rows(found)], {})
    return Compressed(body, media_type=TEXTS[form], headers={**UNSTORED_HEADERS, **made_in(crs)})


def _feature(found: Track, layer: str, feature_id: str, start: datetime, end: datetime) -> bytes:
    feature = as_feature(found, layer, feature_id, {"from": start, "to": end})
    return orjson.dumps(feature, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NAIVE_UTC)
