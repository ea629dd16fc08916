"""The client against a real server: what it asks, what it understands, and what it says when something is wrong."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.twin.change_log import moved, newest, write
from tests.twin.client.conftest import TOKEN
from twin.client import BadRequest, Missing, NotAvailable, NotYours, Twin
from twin.client.errors import error_of
from twin.client.question import LayerQuestion


def test_layers_are_a_mapping_with_completion_and_titles(twin: Twin):
    assert "grids" in twin
    assert "grids" in dir(twin)
    assert twin.grids.layer == twin["grids"].layer == "grids"
    assert "网格" in twin._repr_html_()
    assert twin.grids.fields["grid_code"]
    with pytest.raises(Missing, match="no layer 'gird' here"):
        twin["gird"]
    with pytest.raises(AttributeError):
        _ = twin.gird


def test_a_wrong_token_is_said_at_once(client_address: str):
    with pytest.raises(NotYours) as refused:
        Twin(client_address, "no-such-token")
    assert refused.value.status == 401


def test_nobody_there_is_said_with_the_address():
    with pytest.raises(NotAvailable, match=r"127\.0\.0\.1:9"):
        Twin("http://127.0.0.1:9", TOKEN)


def test_the_public_is_warned_and_sees_less(client_address: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("ONEMAP_TOKEN", raising=False)
    with pytest.warns(UserWarning, match="what is public"), Twin(client_address) as public:
        assert public.whoami() == {}
    monkeypatch.setenv("ONEMAP_TOKEN", TOKEN)
    monkeypatch.setenv("ONEMAP_URL", client_address)
    with warnings.catch_warnings(), Twin() as known:
        assert "operator" in known.whoami()["roles"]


def test_counts_are_those_of_the_server(twin: Twin):
    everything = twin["emergency_resources"]
    kinds = everything.to_pandas()["resource_type"]
    kind = kinds.iloc[0]
    assert everything.count() == len(kinds)
    assert everything.count(where=f"resource_type = '{kind}'") == (kinds == kind).sum()
    assert everything.limit(3).count() == 3
    assert everything.bbox(0, 0, 1, 1).count() == 0


def test_a_mistake_is_told_in_the_servers_words(twin: Twin):
    with pytest.raises(BadRequest, match="no_such_field") as refused:
        twin["grids"].count(where="no_such_field = 1")
    assert refused.value.request_id
    with pytest.raises(ValueError, match="3 numbers"):
        twin["grids"].count(bbox=(1, 2, 3))
    with pytest.raises(ValueError, match="at least one row"):
        twin["grids"].limit(0)


def test_an_unchanged_answer_is_not_sent_again(twin: Twin):
    transport = twin["districts"]._transport
    path, parameters = "/ogc/collections/districts/items", {"f": "json"}
    first = transport.get(path, parameters)
    statuses = []
    transport._client.event_hooks["response"].append(lambda response: statuses.append(response.status_code))
    assert transport.get(path, parameters).content == first.content
    assert statuses == [httpx.codes.NOT_MODIFIED]


def test_where_near_and_within(twin: Twin):
    grid = twin["grids"].to_geopandas(limit=1).iloc[0]
    middle = grid.geometry.representative_point()
    assert twin.locate(middle.x, middle.y)["grid"]["code"] == grid["grid_code"]
    near = twin.nearby(middle.x, middle.y, 3000, "streets", "emergency_resources")
    assert near["distance_m"].is_monotonic_increasing
    assert set(near["layer"]) <= {"streets", "emergency_resources"}
    there = twin.area(grid["grid_code"], "buildings")
    assert set(there["layer"]) <= {"buildings"}


def test_aggregate_is_a_frame_with_every_area(twin: Twin):
    counts = twin["events"].aggregate(by="grids")
    assert len(counts) == twin["grids"].count()
    assert counts["count"].sum() <= twin["events"].count()
    with pytest.raises(BadRequest, match="by"):
        twin["events"].aggregate(by="planets")
    with pytest.raises(ValueError, match="narrow nothing"):
        twin["events"].aggregate(bbox=(113, 23, 114, 24))


@given(st.lists(st.sampled_from(["a = 1", "b = 2 OR c = 3", "d IS NULL"]), max_size=3))
def test_conditions_add_up_without_changing_each_other(conditions: list[str]):
    question = LayerQuestion()
    for condition in conditions:
        question = question.refined(where=condition)
    if len(conditions) < 2:
        assert question.filter == (conditions[0] if conditions else None)
    else:
        assert question.filter == " AND ".join(f"({one})" for one in conditions)


def test_moments_are_sent_with_their_offset():
    moment = datetime(2026, 6, 8, 2, tzinfo=UTC)
    assert LayerQuestion().refined(at=moment).parameters()["at"] == "2026-06-08T02:00:00+00:00"
    assert LayerQuestion().refined(during=(moment, None)).parameters()["datetime"] == "2026-06-08T02:00:00+00:00/.."
    naive = LayerQuestion().refined(at=datetime(2026, 6, 8, 2)).parameters()["at"]  # noqa: DTZ001  # this is what is tested
    assert datetime.fromisoformat(naive).tzinfo is not None


def test_what_was_near_and_in_an_area_at_a_moment(twin: Twin):
    """A moment just now is like now, and nothing was there before it was loaded."""
    street = twin["streets"].to_geopandas(limit=1)
    place, code = street.geometry.iloc[0].representative_point(), street["area_code"].iloc[0]
    moments = (None, datetime.now(UTC), "2020-01-01T00:00:00Z")
    near = [twin.nearby(place.x, place.y, 2000, "buildings", at=at) for at in moments]
    there = [twin.area(code[:9], "buildings", at=at) for at in moments]
    within = [twin["buildings"].within("streets", at=at) for at in moments]
    for now, just_now, before in (near, there, within):
        assert len(now) == len(just_now) > 0
        assert len(before) == 0
    ways = [twin.route((place.x, place.y), (place.x + 0.01, place.y), at=at) for at in moments]
    assert len({one["duration_s"].iloc[0] for one in ways}) == 1, "the roads are those of today"
    with pytest.raises(ValueError, match="one moment"):
        twin["buildings"].within(twin["streets"].at(moments[2]))


def test_both_forms_of_errors_are_understood():
    def answered(status: int, document: dict[str, str], **headers: str) -> httpx.Response:
        return httpx.Response(status, json=document, headers=headers)

    told = error_of(answered(400, {"detail": "bbox is wrong", "parameter": "bbox", "request_id": "r1"}))
    assert isinstance(told, BadRequest)
    assert (told.detail, told.parameter, told.request_id) == ("bbox is wrong", "bbox", "r1")
    assert error_of(answered(404, {"code": "NotFound", "description": "no such layer"})).detail == "no such layer"
    busy = error_of(answered(503, {"detail": "busy"}, **{"Retry-After": "7"}))
    assert isinstance(busy, NotAvailable)
    assert busy.retry_after_s == 7
    assert error_of(httpx.Response(500, text="<html>")).detail == "HTTP 500"


def test_changes_come_live_and_go_on_where_they_stopped(twin: Twin, client_database: str):
    with pytest.raises(ValueError, match="of now"):
        twin["events"].at("2026-06-08T10:00:00+08:00").live()

    async def followed(since: int, count: int) -> list[str]:
        async with aclosing(twin["vehicles"].live(since=since)) as changes, asyncio.timeout(60):
            return [change["id"] async for change in _first(changes, count)]

    async def all_of_it() -> None:
        since = await newest(client_database)
        first = await write(client_database, moved("V1", 1), moved("V2", 2))
        assert await followed(since, 2) == ["V1", "V2"]
        await write(client_database, moved("V3", 3))
        assert await followed(first, 1) == ["V3"]

    asyncio.run(all_of_it())


async def _first(changes: AsyncIterator[dict[str, Any]], count: int) -> AsyncIterator[dict[str, Any]]:
    async for change in changes:
        yield change
        count -= 1
        if not count:
            return
