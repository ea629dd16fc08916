"""One client must not stop the others: all that a client can make large, many or slow has a bound."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from typing import Any

import asyncpg
import httpx
import orjson
import pytest
from fastapi.routing import APIRoute

import server.routes
from layers.bounded import Bounded
from layers.database.admission import Cost
from layers.read.counts import CountCache
from server.caches.request_plans import RequestPlans
from server.http.cost import cost_of
from server.http.troubles import lack_of_room
from server.identity.guesses import AT_ONCE, Guesses
from tests.ogc.service import Service, fill

DEADLINE_S = 120


@pytest.fixture
def address(database_url: str, live_server: Any) -> str:
    fill(database_url, 200)
    return str(live_server(database_url))


@pytest.fixture
def own_service(database_url: str) -> Iterator[Service]:
    """The application over layers that the test may write to."""
    fill(database_url, 200)
    running = Service(database_url)
    yield running
    running.close()


def test_a_small_request_is_answered_while_anothers_wait_for_a_table(address: str, database_url: str) -> None:
    """Readers of the locked table hold connections for a minute; the other table is read all the same."""
    flood = [f"{address}/ogc/collections/points/items?filter=name%3D%27{number}%27" for number in range(30)]
    with httpx.Client(timeout=DEADLINE_S) as client, ThreadPoolExecutor(30) as others, locked(database_url, "points"):
        waiting = [others.submit(httpx.get, one, timeout=DEADLINE_S) for one in flood]
        for number in range(20):
            assert client.get(f"{address}/ogc/collections/areas/items?limit={number + 1}").status_code == 200
            assert client.get(f"{address}/ogc/collections/areas/items/r0001").status_code == 200
        assert client.get(f"{address}/health").status_code == 200
        held = sum(not one.done() for one in waiting)
        assert held, "the flood is still there"
        unlock(database_url)
        for one in waiting:
            assert one.result().status_code in {200, 503}


class locked:  # noqa: N801  # a context
    """Lock a table against every reader."""

    def __init__(self, url: str, layer: str) -> None:
        self._url, self._layer = url, layer
        self._loop = asyncio.new_event_loop()

    def __enter__(self) -> None:
        async def lock() -> asyncpg.Connection:
            connection = await asyncpg.connect(self._url, server_settings={"application_name": "lock"})
            await connection.execute(f"BEGIN; LOCK TABLE layer.{self._layer} IN ACCESS EXCLUSIVE MODE")
            return connection

        self._connection = self._loop.run_until_complete(lock())

    def __exit__(self, *_: object) -> None:
        self._connection.terminate()
        self._loop.run_until_complete(asyncio.sleep(0))  # its transport closes
        self._loop.close()


def unlock(url: str) -> None:
    """Terminate the session that holds the lock."""

    async def end() -> None:
        connection = await asyncpg.connect(url)
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'lock'"
        )
        await connection.close()

    asyncio.run(end())


def test_every_route_that_takes_a_body_takes_no_more_than_it_may(address: str) -> None:
    """This covers bodies that the framework reads before it knows the sender."""
    found = walk_packages(server.routes.__path__, "server.routes.")
    modules = [import_module(one.name) for one in found if not one.ispkg]
    routes = [
        route
        for module in modules
        if hasattr(module, "router")
        for route in module.router.routes
        if isinstance(route, APIRoute)
    ]
    paths = [re.sub(r"\{[^}]*\}", "1", route.path) for route in routes if "POST" in (route.methods or ())]
    assert len(paths) > 4
    paths.remove("/logout")  # it reads no body
    with httpx.Client(timeout=DEADLINE_S) as client:
        for path in paths:
            body = b"[" * 3_000_000
            answer = client.post(f"{address}{path}", content=body, headers={"Content-Type": "application/json"})
            assert answer.status_code in {400, 401, 403, 404, 413}, (path, answer.text)


@pytest.mark.parametrize("path", ["/raster/dem/statistics", "/feeds/events", "/ogc/collections/points/items"])
def test_a_body_beyond_the_limit_is_refused_and_not_read_to_its_end(address: str, path: str) -> None:
    sent = 0

    def endless() -> Any:
        nonlocal sent
        while sent < 256:
            sent += 1
            yield b"[0,0]," * 50_000

    headers = {"Content-Type": "application/json"}
    with httpx.Client(timeout=DEADLINE_S) as client:
        said = client.post(f"{address}{path}", content=b"[" * 2_000_000, headers=headers)
        assert said.status_code in {404, 413}, said.text
        with suppress(httpx.HTTPError):  # the server may close the connection while we send
            assert client.post(f"{address}{path}", content=endless(), headers=headers).status_code in {404, 413}


@pytest.mark.parametrize(
    "body",
    [
        b'{"type":"Polygon","coordinates":' + b"[" * 900 + b"]" * 900 + b"}",
        b'{"type":"Polygon","coordinates":[{"a":1}]}',
        b'{"type":"Polygon","coordinates":[[[0,0],[1,NaN],[1,1],[0,0]]]}',
        b'{"type":"Polygon","coordinates":[[["x","y"]]]}',
        b'{"type":"Point","coordinates":[0,0]}',
        b"[" * 100_000,
        b"\xff\xfe",
        b"",
    ],
)
def test_what_is_no_polygon_is_told_in_words(address: str, body: bytes) -> None:
    said = httpx.post(f"{address}/raster/dem/statistics", content=body, timeout=DEADLINE_S)
    assert said.status_code == 400, said.text
    assert "polygon" in said.json()["detail"]


def test_counts_and_plans_cost_the_same_however_long_a_filter_is(own_service: Service) -> None:
    state = own_service.app.state.shared
    for number in range(20):
        words = {"op": "in", "args": [{"property": "name"}, [f"{number}-{word}" * 20 for word in range(200)]]}
        said = own_service.ask("collections/points/items", method="POST", content=orjson.dumps(words))
        assert said.status_code == 200
    counts: CountCache = state.counts
    assert sum(len(key) for key in counts._counts) <= 20 * 16
    plans: RequestPlans = state.plans
    assert plans._plans.held_bytes < 1_000_000


def test_what_is_kept_never_weighs_more_than_its_bound() -> None:
    kept: Bounded[int, str] = Bounded(10_000)
    for number in range(1000):
        kept.put(number % 70, "x", (number * 37) % 1500)
        assert kept.held_bytes <= 10_000
        assert kept.held_bytes == sum(weight for _, weight in kept._kept.values())
    kept.put(1, "large", 9_000)
    assert kept.get(1) is None


@pytest.mark.parametrize(
    ("path", "query", "cost"),
    [
        ("/ogc/collections/points/items", "", Cost.CHEAP),
        ("/ogc/collections/points/items", "limit=3&f=json", Cost.CHEAP),
        ("/ogc/collections/points/items/r0001", "", Cost.CHEAP),
        ("/tiles/points/14/1/1.mvt", "", Cost.CHEAP),
        ("/tiles/points/5/1/1.mvt", "", Cost.NORMAL),
        ("/ogc/collections/points/items", "filter=a%3D1", Cost.NORMAL),
        ("/ogc/collections/points/items", "sortby=name", Cost.NORMAL),
        ("/twin/aggregate", "", Cost.NORMAL),
        ("/ogc/collections/points/items", "limit=10000", Cost.HEAVY),
        ("/ogc/collections/points/items", "f=csv", Cost.HEAVY),
        ("/ogc/collections/points/items", "filter=" + "x" * 500, Cost.HEAVY),
        ("/ogc/collections/points/items", "limit=" + "9" * 100, Cost.CHEAP),
    ],
)
def test_the_cost_of_a_request_by_its_look(path: str, query: str, cost: Cost) -> None:
    assert cost_of({"type": "http", "method": "GET", "path": path, "query_string": query.encode()}) is cost


def test_whoever_guesses_tokens_is_stopped_and_whoever_knows_one_is_not() -> None:
    guesses = Guesses()
    for _ in range(AT_ONCE):
        assert guesses.may("1.2.3.4")
        guesses.wrong("1.2.3.4")
    assert not guesses.may("1.2.3.4")
    assert guesses.may("1.2.3.5")
    guesses.right("1.2.3.4")
    assert guesses.may("1.2.3.4")
    for number in range(30_000):
        guesses.wrong(f"10.{number}")
    assert len(guesses._left) <= 10_000


def test_wrong_tokens_are_answered_429_after_a_while(address: str) -> None:
    with httpx.Client(timeout=DEADLINE_S, headers={"Authorization": "Bearer wrong"}) as client:
        said = [client.get(f"{address}/ogc/collections/points/items?limit=1").status_code for _ in range(AT_ONCE + 20)]
    assert said[0] == 401
    assert said[-1] == 429
    assert httpx.get(f"{address}/ogc/collections/points/items?limit=1").status_code == 200


@pytest.mark.parametrize("path", ["/", "/docs", "/health", "/twin/feeds", "/ogc", "/tiles/points.json", "/none"])
def test_every_answer_has_the_headers_that_browsers_need(address: str, path: str) -> None:
    headers = httpx.get(f"{address}{path}", timeout=DEADLINE_S).headers
    for name in ("X-Content-Type-Options", "Referrer-Policy", "Cross-Origin-Opener-Policy"):
        assert len(headers.get_list(name)) == 1, name


def test_a_disk_that_fills_is_told(database_url: str, live_server: Any, tmp_path: Path) -> None:
    fill(database_url, 1)
    told = httpx.get(live_server(database_url, server={"disk_free_min_mib": 10**9}) + "/health").json()
    assert told["status"] == "degraded"
    assert "troubles" not in told, "how full the disk is is nothing for strangers"
    assert "MiB" in lack_of_room(tmp_path, 10**9)[0]
    assert lack_of_room(tmp_path, 0) == []
