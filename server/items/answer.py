"""Pages and single features as bytes: the envelope around what PostgreSQL built."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property

import asyncpg
import orjson

from layers.catalog import Layer
from layers.coordinates.crs import CRS84, Crs, parse_crs
from layers.errors import NotFound
from layers.read.counted_page import ROWS_MAX, counted_page
from layers.read.counts import Matched
from layers.read.query import Form, ItemsQuery, page, single, table_rows
from layers.spreadsheet import cell
from server.http.media import CSV, GEOJSONL, JSONFG
from server.items.call import Call
from server.items.links import KeptLinks, Paging, item_links, steps
from server.items.request import (
    ItemsRequest,
    layer_of,
    read_items_request,
    refuse_unknown_item_parameters,
    write_cursor,
)
from server.state import State

_JSONFG_CONFORMANCE = (
    "http://www.opengis.net/spec/json-fg-1/1.0/conf/core",
    "http://www.opengis.net/spec/json-fg-1/1.0/conf/types-schemas",
)
type Statement = tuple[str, tuple[object, ...]]
_THE_ID = object()  # stands in a kept statement for the id that is asked for


@dataclass(frozen=True, slots=True)
class ItemsResponse:
    """A body and the headers that belong to it."""

    content: bytes
    headers: dict[str, str]


@dataclass(frozen=True)
class _Plan:
    """A checked request and its statements, good for every request with the same text.

    What it was made of knows the layer's definition, which holds, and its versions of then, which do not: a query comes
    from it with the layer as it is now, or not at all.
    """

    _asked: ItemsRequest
    form: Form
    separator: str
    links: KeptLinks = field(default_factory=KeptLinks)

    @property
    def hits(self) -> bool:
        """Whether only the number of rows is asked for."""
        return self._asked.hits

    def query(self, layer: Layer) -> ItemsQuery:
        """Return what is asked for, of the layer as it is now, or as of the moment that is asked for."""
        asked = self._asked.query
        return replace(asked, layer=layer.as_of(asked.layer.moment))

    @cached_property
    def page(self) -> Statement:
        """The page alone."""
        return page(self._asked.query, self.form, self.separator).render()

    @cached_property
    def counted(self) -> Statement:
        """The page with the number of all rows that match."""
        return counted_page(self._asked.query, self.form, self.separator).render()


@dataclass(frozen=True, slots=True)
class _Page:
    """What was found: the rows as bytes, how many they are and of how many, and where the next page begins."""

    matched: Matched
    features: bytes | None
    returned: int
    cursor: str | None


async def single_feature(call: Call, state: State) -> ItemsResponse:
    """Answer `/items/{id}`.

    Raises
    ------
    NotFound
        When there is no such feature, or none that the actor may see.
    BadInput
        For parameters that have no meaning here.
    """
    refuse_unknown_item_parameters(call.given)
    crs = parse_crs(call.given["crs"]) if "crs" in call.given else CRS84
    form: Form = "jsonfg" if call.media is JSONFG else "geojson"
    layer = layer_of(call.layer, call.given)
    key = ("item", layer.id, state.catalog.fingerprint, call.actor.audience, crs.uri, form, layer.moment)
    statement = state.plans.get(key, lambda: single(layer, call.actor, _THE_ID, crs, form).render())
    feature_id = call.feature_id or ""
    values = [feature_id if value is _THE_ID else value for value in statement[1]]
    feature = None if "\0" in feature_id else await state.lookups.fetchval(statement[0], *values)
    if feature is None:
        raise NotFound(f"there is no feature '{feature_id[:80]}' in '{call.layer.id}'", parameter="featureId")
    return ItemsResponse(_with_links(call, feature, crs), call.headers(crs, state.settings))


def _with_links(call: Call, feature: bytes, crs: Crs) -> bytes:
    extra: dict[str, object] = {"links": item_links(call)}
    if call.media is JSONFG:
        extra = {"conformsTo": _JSONFG_CONFORMANCE, "coordRefSys": crs.uri, **extra}
    return b"".join((feature[:-1], b",", orjson.dumps(extra)[1:]))


async def features(call: Call, state: State) -> ItemsResponse:
    """Answer `/items`.

    Raises
    ------
    BadInput
        For anything unknown or malformed in the request.
    """
    plan = _plan(call, state)
    query = plan.query(call.layer)
    if plan.hits:
        async with _pool(state, query).acquire() as connection:
            matched = state.counts.known(query) or await state.counts.counted(connection, query)
        return _collection(call, plan, query, _Page(matched, None, 0, None), state)
    if call.media is CSV:
        async with state.pool.acquire() as connection:
            return _collection(call, plan, query, await _csv(query, connection, state), state)
    row, matched = await _page(plan, query, state)
    cursor = write_cursor(row["last"]) if row["found"] > query.limit else None
    found = _Page(matched, row["features"], min(row["found"], query.limit), cursor)
    return _collection(call, plan, query, found, state)


async def _page(plan: _Plan, query: ItemsQuery, state: State) -> tuple[asyncpg.Record, Matched]:
    """Read a page and its count, in one pass over the rows where the count of a filter is not known yet.

    That pass looks at `ROWS_MAX` rows at most, however it is planned, so a kept plan is good enough for it; to plan it
    anew would cost a twentieth of a window's time.
    """
    known = state.counts.known(query)
    if known is None and query.where and query.after is None:
        text, values = plan.counted
        row = await state.lookups.fetchrow(text, *values)
        if row["matched"] <= ROWS_MAX:
            known = Matched(row["matched"], exact=True)
            state.counts.remember(query, known)
            return row, known
    text, values = plan.page
    async with _pool(state, query).acquire() as connection:
        row = await connection.fetchrow(text, *values)
        return row, known or await state.counts.counted(connection, query)


def _pool(state: State, query: ItemsQuery) -> asyncpg.Pool:
    """Return where a page is read: with kept plans where there is but one plan, or history has days to plan for."""
    by_history = query.layer.moment is not None and query.layer.definition.is_live
    return state.lookups if by_history or query.walks_the_key else state.pool


def _plan(call: Call, state: State) -> _Plan:
    def make() -> _Plan:
        request = read_items_request(call.layer, call.actor, call.given, state.settings.limits, call.body)
        form: Form = "jsonfg" if call.media is JSONFG else "geojson"
        separator = "\n" if call.media is GEOJSONL else ","
        return _Plan(request, form, separator)

    key = (
        *("items", call.layer.id, state.catalog.fingerprint, call.actor.audience),
        *(call.media.f, call.query_string, call.body),
    )
    return state.plans.get(key, make)


def _collection(call: Call, plan: _Plan, query: ItemsQuery, found: _Page, state: State) -> ItemsResponse:
    matched = found.matched
    paging = Paging(matched.rows if matched.exact else None, found.returned, steps(call, query, found.cursor))
    headers = call.headers(query.crs, state.settings) | paging.headers(call.given, state.settings.limits)
    rows = found.features or b""
    if call.media is CSV:
        return ItemsResponse(rows, headers)
    if call.media is GEOJSONL:
        return ItemsResponse(rows + (b"\n" if rows else b""), headers)
    head: dict[str, object] = {"type": "FeatureCollection"}
    if call.media is JSONFG:
        head |= {"conformsTo": _JSONFG_CONFORMANCE, "coordRefSys": query.crs.uri, "featureType": call.layer.id}
    head |= {"numberMatched": matched.rows} if matched.exact else {"numberMatchedAtLeast": matched.rows}
    head |= {"numberReturned": found.returned, "timeStamp": _now(), "links": plan.links.json(call, query, found.cursor)}
    return ItemsResponse(b"".join((orjson.dumps(head)[:-1], b',"features":[', rows, b"]}")), headers)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


async def _csv(query: ItemsQuery, connection: asyncpg.Connection, state: State) -> _Page:
    """Read a page as a table; the last column of the statement is where the next page would begin."""
    statement, values = table_rows(query).render()
    prepared = await connection.prepare(statement)
    records = await prepared.fetch(*values)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([attribute.name for attribute in prepared.get_attributes()[:-1]])
    for record in records[: query.limit]:
        writer.writerow([cell(value) for value in tuple(record)[:-1]])
    matched = state.counts.known(query) or await state.counts.counted(connection, query)
    cursor = write_cursor(records[query.limit - 1][-1]) if len(records) > query.limit else None
    table = b"\xef\xbb\xbf" + out.getvalue().encode()
    return _Page(matched, table, min(len(records), query.limit), cursor)
