"""`/twin/aggregate`: counts of features by area, empty areas included."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from layers.actor import Actor
from layers.clause import EMPTY, Clause
from layers.coordinates.crs import read_question_crs
from layers.cql2 import FilterLimits, compile_filter, parse, queryables_of
from layers.database.connection import in_our_words
from layers.errors import BadInput
from layers.moment import read_moment
from layers.read.rights import layer_at
from server.audit.touched import touch
from server.dependencies import ActorHere, StateHere
from server.http.caching import PRIVATE_HEADERS
from server.http.conditions import FilterCrs
from server.state import State
from server.surroundings.datum_route import AnswerCrs, DatumRoute
from twin.aggregate.answer import as_csv, as_geojson, as_json
from twin.aggregate.areas import code_fields, membership, parse_by
from twin.aggregate.measures import parse_measures
from twin.aggregate.question import Question
from twin.aggregate.run import count_allowed
from twin.aggregate.suppression import Counting, counting
from twin.envelope.times import moment

router = APIRouter(prefix="/twin", tags=["twin"], route_class=DatumRoute)
_MEDIA = {"geojson": "application/geo+json", "json": "application/json", "csv": "text/csv; charset=utf-8"}

type Form = Literal["geojson", "json", "csv"]


class AreaCounts(BaseModel):
    """Counts by area as GeoJSON; with ``f=json`` the properties alone, as `areas`."""

    type: str = "FeatureCollection"
    layer: str
    by: str
    matched: int | None = None
    areas_with_any: int
    features: list[dict[str, Any]]


class AggregateParams(BaseModel):
    """The query parameters of `/twin/aggregate`."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    layer: str = Field(max_length=63, description="图层 the layer", examples=["events"])
    by: str = Field(
        "grid",
        max_length=63,
        description="grid, community, street, urban_village, district, h3:8, square:250, time:1h, a field with codes",
    )
    start: str | None = Field(None, alias="from", max_length=40, description="起（含） from this time on")
    end: str | None = Field(None, alias="to", max_length=40, description="止（不含） before this time")
    filter: str | None = Field(None, description="CQL2, as of /items")
    filter_lang: Literal["cql2-text", "cql2-json"] = Field("cql2-text", alias="filter-lang")
    filter_crs: FilterCrs = None
    at: str | None = Field(None, max_length=60, description="时刻，须带时区 as of this moment; now by default")
    basis: str | None = Field(None, max_length=40, description="known 当时所知 as known then; phenomenon 当时实情")
    measures: str | None = Field(
        None,
        max_length=400,
        description="on_time_rate, returned, repeated, median_close_h …, median(field); several with commas",
    )
    compare: Literal["weekday"] | None = Field(
        None, description="weekday 上周同期 beside the same weekdays a week before"
    )
    answer_crs: AnswerCrs = "OGC:CRS84"
    f: Form = Field("geojson", description="geojson, json, csv")


@router.get("/aggregate", summary="按区域统计 How many in each area", response_model=AreaCounts)
async def aggregate(state: StateHere, actor: ActorHere, params: Annotated[AggregateParams, Query()]) -> Response:
    """Count the features of a layer by area: open and overdue ones, densities, and how unusual that is.

    A count is that of `/items` with the same filter. `baseline_mean` and `z_score` compare with the same span of the
    last eight weeks; they need `from` and `to`.
    """
    catalog = state.catalog.current
    allowed, question = _question(state, _counting(state, actor, params), params)
    touch(question.layer, actor, fields=False, computed=question.measured)
    with in_our_words():
        async with state.pool.acquire() as connection:
            counts = await count_allowed(
                connection, catalog, question, allowed, actor, with_geometry=params.f == "geojson"
            )
    head = {"layer": question.layer.id, "by": params.by, "from": question.start, "to": question.end}
    head["timeStamp"] = datetime.now(UTC)
    body = as_csv(counts) if params.f == "csv" else (as_json if params.f == "json" else as_geojson)(counts, head)
    return Response(body, media_type=_MEDIA[params.f], headers=PRIVATE_HEADERS)


def _counting(state: State, actor: Actor, params: AggregateParams) -> Counting:
    catalog, several = state.catalog.current, f"{params.layer}s"  # `event` means `events`
    return counting(catalog, several if several in catalog and params.layer not in catalog else params.layer, actor)


def _question(state: State, allowed: Counting, params: AggregateParams) -> tuple[Counting, Question]:
    """Return the question, and the counting that answers it."""
    limits, asker = state.settings.limits, allowed.own or allowed
    by = membership(parse_by(params.by, code_fields(asker.layer, asker.actor)), asker.layer)
    start, end = _moment(params.start, "from"), _moment(params.end, "to")
    asked = {"filter": params.filter, "measures": params.measures, "compare": params.compare, "at": params.at}
    allowed = allowed.settle(by, [name for name, value in asked.items() if value is not None], start, end)
    actor = allowed.actor
    layer = layer_at(allowed.layer, actor, read_moment(params.at, params.basis))
    where: Clause = EMPTY
    if params.filter is not None:
        bounds = FilterLimits(length=limits.filter_bytes, vertices=limits.filter_vertices)
        expression = parse(params.filter, params.filter_lang, limits=bounds)
        crs = read_question_crs(params.filter_crs, "filter-crs")
        where = compile_filter(expression, queryables_of(layer.definition, actor), filter_crs=crs)
    measures, compares = parse_measures(params.measures, layer, actor), params.compare is not None
    return allowed, Question(layer, actor, by, where, start, end, measures=measures, compares=compares)


def _moment(text: str | None, name: str) -> datetime | None:
    """Read a time; without an offset it is China Standard Time. A space stands for the plus that URLs decode to it."""
    if text is None:
        return None
    restored = text.replace(" ", "+") if "T" in text else text
    try:
        return moment(restored, name)
    except BadInput as error:
        raise BadInput(error.message, parameter=name) from error
