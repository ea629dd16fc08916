"""`/twin/positions`, `/twin/observations`, `/twin/events/versions`: history as rows."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field

from layers.actor import Actor
from layers.audit.record import AuditAction
from layers.coordinates.crs import Crs, read_answer_crs, read_question_crs
from layers.cql2 import FilterLimits, parse
from layers.database.connection import in_our_words
from layers.errors import BadInput, TooMuch
from layers.moment import Facts
from server.audit.touched import current_note, touch
from server.dependencies import ActorHere, BaseUrlHere, StateHere
from server.formats.table import check_crs
from server.http.caching import UNSTORED_HEADERS
from server.http.compressed import Compressed
from server.http.conditions import BboxCrs, FilterCrs, read_box
from server.http.gateway import client_address
from server.http.history import COLUMN_FORMS, SpanParams, choose_form, has_places
from server.live.row_stream import RowStream
from server.routes.history.files import HistoryFile, HistoryRows
from server.routes.history.row_text import TEXTS, RowText
from server.state import State
from server.surroundings.datum_route import AnswerCrs, DatumRoute, made_in
from twin.history.question import IDS_MAX, SPANS_MAX, RowsQuestion, count_rows, layers_of, rows_of
from twin.history.rows import HistoryQuery, RowKey, read_cursor, write_cursor
from twin.history.shapes import batch_of_rows, rows_shape

router = APIRouter(prefix="/twin", tags=["history"], route_class=DatumRoute)
PAGE_MAX = 10_000
ALL_MAX = 5_000_000
_USUAL_SPANS: dict[Facts, timedelta] = {
    "position": timedelta(days=1),
    "observation": timedelta(days=7),
    "version": timedelta(days=31),
}
_FORMS = (*TEXTS, *COLUMN_FORMS)
_TABLES: dict[Facts, str] = {"position": "positions", "observation": "observations", "version": "event_versions"}
_PAGE_USUAL = 1_000
_ADDRESS: dict[Facts, str] = {
    "position": "/twin/positions",
    "observation": "/twin/observations",
    "version": "/twin/events/versions",
}


class RowsParams(SpanParams):
    """The query parameters of history as rows."""

    ids: str | None = Field(None, max_length=20_000, description=f"编号，逗号分隔 ids of features, at most {IDS_MAX}")
    bbox: str | None = Field(None, max_length=200, description="west,south,east,north")
    bbox_crs: BboxCrs = None
    filter: str | None = Field(
        None, description="CQL2 over the features of that time, and over the rows of observations"
    )
    filter_lang: Literal["cql2-text", "cql2-json"] = Field("cql2-text", alias="filter-lang")
    filter_crs: FilterCrs = None
    limit: str | None = Field(
        None,
        max_length=10,
        description=f"1 to {PAGE_MAX}, {_PAGE_USUAL} by default; or all: a stream of every row, the default of"
        f" {', '.join(COLUMN_FORMS)}",
    )
    cursor: str | None = Field(None, max_length=2_000, description="of the next link")
    answer_crs: AnswerCrs = "OGC:CRS84"
    f: str = Field("json", max_length=20, description=", ".join(_FORMS))


class LayerRowsParams(RowsParams):
    """The same of several layers."""

    layers: str | None = Field(None, max_length=800, description="图层，逗号分隔 layer ids; all by default")


class ObservationRowsParams(LayerRowsParams):
    """The same of observations."""

    code: str | None = Field(
        None, alias="property", max_length=800, description="观测项，逗号分隔 codes; all by default"
    )


class RowsPage(BaseModel):
    """Rows, by feature and time."""

    number_returned: int
    next: str | None = Field(description="the address of the next page; null on the last")
    rows: list[dict[str, Any]]


@router.get("/positions", summary="历史位置 Where moving features were, as rows", response_model=RowsPage)
async def positions(
    request: Request, state: StateHere, actor: ActorHere, base: BaseUrlHere, params: Annotated[LayerRowsParams, Query()]
) -> Response:
    """Return every position of a span: layer, id, time, speed, heading, area and place."""
    return await _Answer(request, state, actor, base, "position", params).respond()


@router.get("/observations", summary="历史观测 What was measured, as rows", response_model=RowsPage)
async def observation_rows(
    request: Request,
    state: StateHere,
    actor: ActorHere,
    base: BaseUrlHere,
    params: Annotated[ObservationRowsParams, Query()],
) -> Response:
    """Return every observation of a span: layer, id, property, time, value or text, unit, quality flag and place."""
    return await _Answer(request, state, actor, base, "observation", params).respond()


@router.get("/events/versions", summary="事件各版本 What became of events, as rows", response_model=RowsPage)
async def event_versions(
    request: Request, state: StateHere, actor: ActorHere, base: BaseUrlHere, params: Annotated[RowsParams, Query()]
) -> Response:
    """Return every version of events of a span, with its time and number, and the event as it was after it."""
    return await _Answer(request, state, actor, base, "version", params).respond()


@dataclass(frozen=True, slots=True)
class _Answer:
    """The answer to one request for rows."""

    request: Request
    state: State
    actor: Actor
    base: str
    facts: Facts
    params: RowsParams

    async def respond(self) -> Response:
        """Return a page, or the stream of all rows."""
        form = choose_form(self.params.f, _FORMS)
        usual = "all" if form in COLUMN_FORMS else str(_PAGE_USUAL)
        limit = _limit(usual if self.params.limit is None else self.params.limit)
        if form in COLUMN_FORMS:
            check_crs(COLUMN_FORMS[form], self._crs, COLUMN_FORMS.values(), "answer_crs")
        queries = self._question().queries(None if self.params.cursor is None else read_cursor(self.params.cursor))
        if limit is None and form in COLUMN_FORMS:
            return HistoryRows(self._file(form), queries, self._touch)
        return await (self._stream(queries, form) if limit is None else self._page(queries, form, limit))

    def _file(self, form: str) -> HistoryFile:
        return HistoryFile(self.state, COLUMN_FORMS[form], _TABLES[self.facts], ALL_MAX, self._crs)

    @property
    def _crs(self) -> Crs:
        return read_answer_crs(self.params.answer_crs)

    def _text(self, form: str, queries: Sequence[HistoryQuery]) -> RowText:
        names = [column.name for column in queries[0].columns] if queries else []
        return RowText(form, names, self._crs.datum)

    def _question(self) -> RowsQuestion:
        params, limits = self.params, self.state.settings.limits
        layers = layers_of(self.state.catalog.current, self.actor, self.facts, _listed(getattr(params, "layers", None)))
        ids = _listed(params.ids)
        if len(ids) > IDS_MAX:
            raise TooMuch(f"ids names {len(ids)} features; at most {IDS_MAX} at once", parameter="ids")
        if "\0" in "".join(ids):
            raise BadInput("ids holds a character that no id has", parameter="ids")
        bounds = FilterLimits(length=limits.filter_bytes, vertices=limits.filter_vertices)
        return RowsQuestion(
            self.facts,
            layers,
            self.actor,
            params.span(usual=_USUAL_SPANS[self.facts], most=SPANS_MAX[self.facts]),
            ids,
            _listed(getattr(params, "code", None)),
            read_box(params.bbox, params.bbox_crs),
            None if params.filter is None else parse(params.filter, params.filter_lang, limits=bounds),
            read_question_crs(params.filter_crs, "filter-crs"),
        )

    async def _page(self, queries: Sequence[HistoryQuery], form: str, limit: int) -> Response:
        with in_our_words():
            async with self.state.pool.acquire() as connection, connection.transaction(readonly=True):
                found = [pair async for pair in rows_of(connection, queries, limit + 1)]
        kept = found[:limit]
        for query in queries:
            number = sum(key.layer_id == query.layer.id for _, key in kept)
            self._touch(query, number)
        watermark = await self.state.exports.judge(current_note())
        following = self._next(kept[-1][1]) if len(found) > limit else None
        links = {"Link": f'<{following}>; rel="next"'} if following else {}
        headers = {**links, "OGC-NumberReturned": str(len(kept))}
        if form in COLUMN_FORMS:
            columns, places = queries[0].columns if queries else (), has_places(COLUMN_FORMS[form])
            shape = rows_shape(columns, places=places and bool(columns))
            return await self._file(form).whole(shape, batch_of_rows(shape, [row for row, _ in kept]), headers)
        head: dict[str, Any] = {"number_returned": len(kept), "next": following}
        head |= {"watermark": watermark.members} if watermark else {}
        body = self._text(form, queries).some([row for row, _ in kept], head)
        headers = {**UNSTORED_HEADERS, **headers, **made_in(self._crs)}
        return Compressed(body, media_type=TEXTS[form], headers=headers)

    async def _stream(self, queries: Sequence[HistoryQuery], form: str) -> Response:
        async with AsyncExitStack() as held:
            held.enter_context(self.state.playbacks.place(client_address(self.request.scope)))
            with in_our_words():
                connection = await held.enter_async_context(self.state.pool.acquire())
                await held.enter_async_context(connection.transaction(readonly=True, isolation="repeatable_read"))
                numbers = await count_rows(connection, queries, ALL_MAX)
                if sum(numbers.values()) > ALL_MAX:
                    raise TooMuch(f"there are more than {ALL_MAX} rows; ask for a shorter span", parameter="from")
                for query in queries:
                    self._touch(query, numbers[query.layer.id])
                await self.state.exports.judge(current_note())
                chunks = self._text(form, queries).all(row async for row, _ in rows_of(connection, queries, None))
                first = await anext(chunks)
            time_max_s = self.state.settings.bulk.time_max_s
            headers = {**UNSTORED_HEADERS, **made_in(self._crs)}
            return RowStream(first, chunks, held.pop_all(), TEXTS[form], headers, time_max_s=time_max_s)
        raise AssertionError  # the stack swallows nothing

    def _touch(self, query: HistoryQuery, rows: int) -> None:
        action = AuditAction.REPLAY if self.facts == "position" else None
        touch(query.layer, self.actor, rows=rows, action=action)

    def _next(self, last: RowKey) -> str:
        asked = [(name, value) for name, value in self.request.query_params.multi_items() if name != "cursor"]
        return f"{self.base}{_ADDRESS[self.facts]}?{urlencode([*asked, ('cursor', write_cursor(last))])}"


def _listed(text: str | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys(part.strip() for part in (text or "").split(",") if part.strip()))


def _limit(text: str) -> int | None:
    """Return the number of rows of a page; None for all rows, as a stream."""
    if text == "all":
        return None
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= PAGE_MAX:
        raise BadInput(f"limit is '{text}'; allowed are 1 to {PAGE_MAX}, and all", parameter="limit")
    return int(text)
