"""`/twin/features/{layer}/{id}/observations`: the series of what a feature measures."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Query
from fastapi.responses import Response
from pydantic import BaseModel, Field

from layers.database.connection import in_our_words
from layers.moment import Moment
from layers.read.learned.times import fields_of
from layers.read.rights import layer_at
from layers.spreadsheet import csv_lines
from server.audit.touched import touch
from server.dependencies import ActorHere, StateHere
from server.formats.geojsonseq import GEOJSONSEQ
from server.http.caching import UNSTORED_HEADERS
from server.http.compressed import Compressed
from server.http.history import COLUMN_FORMS, CSV, SpanParams, choose_form, feature_of, feature_record
from server.routes.history.files import HistoryFile
from twin.history.series import VALUES_MAX, MeasuredSeries, SeriesQuestion, read_series, read_statistics, read_step
from twin.history.shapes import series_batch

router = APIRouter(prefix="/twin", tags=["history"])
_FORMS = ("json", "csv", "geojsonseq", *(f for f, media in COLUMN_FORMS.items() if not media.needs_geometry))
_WEEK, _LONGEST = timedelta(days=7), timedelta(days=36_600)


class SeriesParams(SpanParams):
    """The query parameters of a series."""

    code: str = Field(
        alias="property", max_length=63, description="观测项 code of what is measured", examples=["level_m"]
    )
    step: str = Field("raw", max_length=20, description="raw, 5m, 1h, 1d（本地日 local days）")
    agg: str | None = Field(None, max_length=60, description="mean, min, max, last, count, sum; several with commas")
    f: str = Field("json", max_length=20, description=", ".join(_FORMS))


class SeriesDocument(BaseModel):
    """A series; gaps are times that are not there."""

    layer: str
    id: str
    property: str
    title_zh: str
    title_en: str
    unit: str | None
    step: str
    start: datetime = Field(alias="from")
    end: datetime = Field(alias="to")
    observations: list[dict[str, Any]] = Field(
        description="raw: time, value or text, quality_flag; buckets: time, statistics, n, flagged"
    )


@router.get(
    "/features/{layer}/{feature_id}/observations",
    summary="观测序列 A series of measurements",
    response_model=SeriesDocument,
)
async def observations(
    layer: str, feature_id: str, state: StateHere, actor: ActorHere, params: Annotated[SeriesParams, Query()]
) -> Response:
    """Return what a feature measured: each value as it came, or mean, lowest, highest, last, sum or number by step.

    Of several messages of one time the newest version counts. A bucket without values is left out; `flagged` says how
    many of its values have a quality flag other than good. With `at` the series is told as it was known then.
    """
    form = choose_form(params.f, _FORMS)
    step = read_step(params.step)
    span = params.span(usual=_WEEK, most=_LONGEST)
    visible = state.catalog.current.visible(layer, actor)
    known = layer_at(visible, actor, Moment(span.end, "phenomenon"))
    question = SeriesQuestion(known, feature_id, params.code, span, step, read_statistics(params.agg, step))
    with in_our_words():
        async with state.lookups.acquire() as connection:
            found = await read_series(connection, question, actor)
    touch(known, actor, feature=feature_id, rows=1, properties=fields_of(known, params.code))
    raw = ("value", "text", "quality_flag")
    names = ("time", *(raw if step == "raw" else (*question.statistics, "n", "flagged")))
    if form in COLUMN_FORMS:
        file = HistoryFile(state, COLUMN_FORMS[form], "series", VALUES_MAX)
        return await file.whole(*series_batch(names, found.values, found.observed.unit), {})
    if form == "geojsonseq":
        head = {"id": feature_id, "property": params.code}
        records = b"".join(feature_record(feature_of({**head, **row})) for row in found.values)
        return Compressed(records, media_type=GEOJSONSEQ.type, headers=UNSTORED_HEADERS)
    if form == "csv":
        return Compressed(csv_lines(names, found.values), media_type=CSV, headers=UNSTORED_HEADERS)
    return Compressed(orjson.dumps(_document(question, found)), media_type="application/json", headers=UNSTORED_HEADERS)


def _document(question: SeriesQuestion, found: MeasuredSeries) -> dict[str, Any]:
    observed, span = found.observed, question.span
    head: dict[str, Any] = {"layer": question.layer.id, "id": question.feature_id, "property": observed.code}
    head |= {"title_zh": observed.title_zh, "title_en": observed.title_en, "unit": observed.unit}
    head |= {"step": question.step, "from": span.start, "to": span.end, "timeStamp": datetime.now(UTC)}
    return {**head, "number_returned": len(found.values), "observations": found.values}
