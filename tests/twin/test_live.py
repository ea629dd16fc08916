from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from layers.catalog import read_catalog
from layers.database import Role, connect, create_pool
from layers.tables import sync_definitions
from tests.twin.test_pipeline import Squares, event, position
from twin.changes import last_seq
from twin.pipeline import Pipeline

pytestmark = pytest.mark.anyio


class Stream:
    """A second reader of server-sent events than the browser's."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines

    def next(self, name):
        """Return id and data of the next event, which must have that name."""
        fields = {}
        for line in self._lines:
            if line and not line.startswith((":", "retry")):
                key, _, value = line.partition(": ")
                fields[key] = value
            elif fields:
                break
        assert fields.get("event") == name, fields
        return int(fields["id"]), json.loads(fields["data"])


@contextmanager
def watching(address, query="", **headers):
    with httpx.stream("GET", f"{address}/live?{query}", headers=headers, timeout=20) as response:
        assert response.status_code == 200, response.read()
        assert response.headers["content-type"].startswith("text/event-stream")
        yield Stream(response.iter_lines())


@pytest.fixture
async def pipeline(database_url):
    await sync_definitions(database_url)
    owner = await connect(database_url)
    await owner.execute(
        "INSERT INTO layer.vehicles (id, data_grade) SELECT 'v' || i, 2 FROM generate_series(0, 9) AS i"
    )
    await owner.execute("INSERT INTO layer.vehicles (id, data_grade) VALUES ('police', 3)")
    await owner.execute("UPDATE onemap.layer SET lowest_grade = 2 WHERE id = 'vehicles'")
    catalog = await read_catalog(owner)
    pool = await create_pool(database_url, Role.INGEST, size=2)
    pipeline = Pipeline(pool, lambda: catalog, Squares)
    pipeline.start()
    yield pipeline
    await pipeline.stop()
    await pool.close()
    await owner.close()


async def test_a_watcher_hears_what_happens_and_resumes_without_loss(pipeline, database_url, live_server):
    address = live_server(database_url)
    with watching(address) as stream:
        stream.next("ready")
        await pipeline.offer("test", [position("v1", 0), event("e1", 0, 1, "collect", title="道路积水")])
        seq, changes = stream.next("changes")
    assert {change["id"] for change in changes} == {"v1", "e1"}
    assert next(c for c in changes if c["id"] == "e1")["title"] == "道路积水"
    await pipeline.offer("test", [position("v2", 0)])
    await pipeline.offer("test", [position("v3", 0)])
    with watching(address, **{"Last-Event-ID": str(seq)}) as stream:
        stream.next("ready")
        _, missed = stream.next("changes")
        await pipeline.offer("test", [position("v4", 0)])
        _, heard = stream.next("changes")
    assert [change["id"] for change in (*missed, *heard)] == ["v2", "v3", "v4"]


async def test_the_public_does_not_hear_of_what_it_may_not_see(pipeline, database_url, live_server):
    address = live_server(database_url)
    with watching(address, "layers=vehicles") as stream:
        stream.next("ready")
        await pipeline.offer("test", [position("police", 0), event("e1", 0, 1, "collect"), position("v1", 0)])
        _, changes = stream.next("changes")
    assert [change["id"] for change in changes] == ["v1"]


async def test_a_number_the_log_does_not_know_is_told_to_start_again(pipeline, database_url, live_server):
    address = live_server(database_url)
    await pipeline.offer("test", [position("v1", 0)])
    connection = await connect(database_url)
    newest = await last_seq(connection)
    await connection.close()
    with watching(address, f"since={newest + 5}") as stream:
        assert stream.next("resync")[1]["seq"] <= newest


@pytest.mark.parametrize("query", ["since=-1", "since=x", "layers=nothing", "areas=%27", "bbox=1,2,3"])
async def test_a_wrong_question_is_answered_at_once(database_url, live_server, pipeline, query):
    answer = httpx.get(f"{live_server(database_url)}/live?{query}", timeout=20)
    assert answer.status_code in {400, 404}
    assert answer.json()["detail"]
