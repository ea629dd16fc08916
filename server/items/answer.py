"""Pages and single features as bytes: the statement, its rows, and the body that the representation makes of them."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import asyncpg

from layers.audit.record import AuditAction
from layers.catalog import Layer
from layers.errors import NotFound
from layers.read.counted_page import ROWS_MAX
from layers.read.counts import Matched
from layers.read.kept_statement import Statement, counted_statement, page_statement
from layers.read.query import ItemsQuery, single
from layers.read.references import one_time_fields
from server.audit.touched import count_rows, current_note, touch
from server.audit.watermark import Watermark
from server.formats.table import check_crs
from server.formats.written import PageHead, TextFormat
from server.http.conditions import layer_of
from server.items.call import ItemsCall
from server.items.links import KeptLinks, Paging, item_links, steps
from server.items.request import ItemsRequest, read_items_request, refuse_unknown_item_parameters, write_cursor
from server.state import State

_FEW_ROWS = 2_000  # of a layer: to read them all takes less than to plan
_THE_ID = object()  # stands for the requested id in a kept statement


@dataclass(frozen=True, slots=True)
class ItemsResponse:
    """A body and its headers."""

    content: bytes
    headers: dict[str, str]


class _Plan:
    """The criteria of a checked request and its statements, good for every request with the same text.

    A plan is kept while the layer's versions change, so it holds no layer: a query is made with the current one. The
    definition is the same for as long as the plan is found, since the catalogue's fingerprint is in its key.
    """

    def __init__(self, request: ItemsRequest) -> None:
        query = request.query
        self.hits = request.hits
        self.links = KeptLinks()
        self._moment = query.layer.moment
        self._criteria: dict[str, Any] = {f.name: getattr(query, f.name) for f in fields(query) if f.name != "layer"}
        self._page: Statement | None = None
        self._counted: Statement | None = None

    def query(self, layer: Layer) -> ItemsQuery:
        """Return the query of the layer's current version, or of the requested moment."""
        return ItemsQuery(layer.as_of(self._moment), **self._criteria)

    def page(self, query: ItemsQuery, text: TextFormat) -> Statement:
        """Return the statement of the page alone."""
        if self._page is None:
            self._page = page_statement(query, text.form, text.separator)
        return self._page

    def counted(self, query: ItemsQuery, text: TextFormat) -> Statement:
        """Return the statement of the page with the number of all matching rows."""
        if self._counted is None:
            self._counted = counted_statement(query, text.form, text.separator)
        return self._counted


@dataclass(frozen=True, slots=True)
class _Page:
    """The features of a page as bytes, their number, the number of all that match, and the cursor of the next page."""

    matched: Matched
    features: bytes
    returned: int
    cursor: str | None


async def single_feature(call: ItemsCall, state: State) -> ItemsResponse:
    """Answer `/items/{id}`.

    Raises
    ------
    NotFound
        When there is no such feature, or none that the actor may see.
    BadInput
        For parameters that have no meaning here.
    """
    refuse_unknown_item_parameters(call.given)
    crs = call.crs
    text = _text_format(call)
    layer = layer_of(call.layer, call.actor, call.given)
    touch(layer, call.actor, feature=call.feature_id, rows=1)
    key = ("item", layer.id, state.catalog.fingerprint, call.actor.audience, crs.uri, text.form, layer.moment)
    statement = state.plans.get(key, lambda: single(layer, call.actor, _THE_ID, crs, text.form).render_shared())
    feature_id = call.feature_id or ""
    values = [feature_id if value is _THE_ID else value for value in statement[1]]
    feature = None if "\0" in feature_id else await state.lookups.fetchval(statement[0], *values)
    if feature is None:
        raise NotFound(f"there is no feature '{feature_id[:80]}' in '{call.layer.id}'", parameter="featureId")
    headers = call.headers(crs, state.settings)
    if fields := exchanged_fields(call):
        feature = await state.references.addresses(feature, layer, call.actor, fields, call.base)
        headers["Cache-Control"] = "private, no-store"
    return ItemsResponse(text.feature(feature, item_links(call), crs), headers)


def exchanged_fields(call: ItemsCall) -> tuple[str, ...]:
    """Return the fields of a single feature that are shown as tickets: not those of the past, and to nobody unknown."""
    if call.feature_id is None or call.actor.is_anonymous or "at" in call.given:
        return ()
    return one_time_fields(call.layer, call.actor)


def _text_format(call: ItemsCall) -> TextFormat:
    if not isinstance(call.media, TextFormat):
        raise TypeError(f"PostgreSQL does not write {call.media.title}")
    return call.media


async def features(call: ItemsCall, state: State) -> ItemsResponse:
    """Answer `/items`.

    Raises
    ------
    BadInput
        For anything unknown or malformed in the request.
    """
    plan = _plan(call, state)
    query = plan.query(call.layer)
    check_crs(call.media, query.crs)
    action = AuditAction.EXPORT if call.media.export else None
    touch(query.layer, call.actor, action=action, fields=not plan.hits, properties=query.properties)
    if plan.hits:
        async with _pool(state, query).acquire() as connection:
            matched = state.counts.known(query) or await state.counts.counted(connection, query)
        found = _Page(matched, b"", 0, None)
    else:
        found = await _text(plan, query, _text_format(call), state)
    count_rows(found.returned, query.layer.id)
    watermark = await state.exports.judge(current_note())
    return ItemsResponse(_body(call, plan, query, found, watermark), _headers(call, query, found, state))


def _plan(call: ItemsCall, state: State) -> _Plan:
    key = (
        *("items", call.layer.id, state.catalog.fingerprint, call.actor.audience),
        *(call.media.f, call.query_string, call.body),
    )
    limits = state.settings.limits
    return state.plans.get(
        key, lambda: _Plan(read_items_request(call.layer, call.actor, call.given, limits, call.body))
    )


async def _text(plan: _Plan, query: ItemsQuery, text: TextFormat, state: State) -> _Page:
    row, matched = await _row(plan, query, text, state)
    cursor = write_cursor(row["last"]) if row["found"] > query.limit else None
    return _Page(matched, row["features"] or b"", min(row["found"], query.limit), cursor)


async def _row(plan: _Plan, query: ItemsQuery, text: TextFormat, state: State) -> tuple[asyncpg.Record, Matched]:
    """Read a page and its count, in one pass over the rows where the count of a filter is not known yet.

    That pass looks at `ROWS_MAX` rows at most, however it is planned, so a kept plan is good enough for it; to plan it
    anew would cost a twentieth of a window's time.
    """
    known = state.counts.known(query)
    if known is None and query.where and query.after is None:
        statement, values = plan.counted(query, text)
        row = await state.lookups.fetchrow(statement, *values)
        if row["matched"] <= ROWS_MAX:
            known = Matched(row["matched"], exact=True)
            state.counts.remember(query, known)
            return row, known
    statement, values = plan.page(query, text)
    async with _pool(state, query).acquire() as connection:
        row = await connection.fetchrow(statement, *values)
        return row, known or await state.counts.counted(connection, query)


def _pool(state: State, query: ItemsQuery) -> asyncpg.Pool:
    """Return the pool for a page: the one with kept plans where one plan is always good, or takes longer than reading.

    History is planned for each of its days; of few rows no plan is bad, and rights of many cases take long to plan.
    """
    layer, known = query.layer, state.catalog.current.get(query.layer.id)
    by_history = layer.moment is not None and layer.definition.is_live
    is_small = layer.moment is None and known is not None and known.row_count <= _FEW_ROWS
    return state.lookups if by_history or is_small or query.walks_the_key else state.pool


def _body(call: ItemsCall, plan: _Plan, query: ItemsQuery, found: _Page, watermark: Watermark | None) -> bytes:
    if not isinstance(call.media, TextFormat):
        return b""  # only its number was asked for
    marked = watermark.members if watermark else None
    head = PageHead(query, found.matched, found.returned, lambda: plan.links.json(call, query, found.cursor), marked)
    return call.media.page(found.features, head)


def _headers(call: ItemsCall, query: ItemsQuery, found: _Page, state: State) -> dict[str, str]:
    matched = found.matched
    paging = Paging(matched.rows if matched.exact else None, found.returned, steps(call, query, found.cursor))
    return call.headers(query.crs, state.settings) | paging.headers(call.given, state.settings.limits)
