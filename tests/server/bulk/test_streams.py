"""Downloads of whole layers: few at a time, cut with their client, and nothing is left behind."""

from __future__ import annotations

import asyncio
import io
import threading
from dataclasses import replace
from itertools import chain

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from layers.columns.address import libpq_address
from layers.columns.session import ColumnSession
from layers.database.connection import connect
from layers.errors import BadInput, TooMuch, Unavailable
from server.bulk.workspace import remove_left_behind
from server.formats import table
from server.formats.workbook import XLSX
from tests.databases import execute, run_async, temporary_database
from tests.ogc.service import Service, fill
from tests.rights.asgi import _scope

ITEMS = "collections/points/items"
WHOLE = pa.schema([pa.field("n", pa.int64())])
BUSY = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'onemap columns' AND state <> 'idle'"


@pytest.fixture(scope="module")
def service(cluster, template):
    with temporary_database(cluster, template) as url:
        fill(url, 4000)
        wide = "UPDATE layer.points SET extra = jsonb_build_object('k', repeat(md5(id), 200))"
        run_async(execute(url, f"SET session_replication_role = replica; {wide}"))  # no triggers
        running = Service(url)
        yield running
        running.close()


def fetch(service, statement):
    async def work():
        connection = await connect(service.url)
        try:
            return await connection.fetchval(statement)
        finally:
            await connection.close()

    return service.run(work())


class Slow:
    """A client that reads a part and then nothing, until it goes."""

    def __init__(self, service, address) -> None:
        self.begun, self.gone = asyncio.Event(), asyncio.Event()
        self.status, self.bytes, self.ended = None, 0, False
        scope = _scope("http", address, {}) | {"method": "GET", "scheme": "http"}
        self.task = asyncio.ensure_future(service.app(scope, self.receive, self.send))

    async def receive(self):
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message):
        self.status = message.get("status", self.status)
        self.bytes += len(message.get("body", b""))
        self.ended = message["type"] == "http.response.body" and not message.get("more_body")
        if self.bytes and not self.ended:
            self.begun.set()
            await self.gone.wait()


@pytest.mark.parametrize("f", ["geojsonl", "json", "csv", "arrow"])
def test_a_client_that_goes_takes_its_statement_with_it(service, f):
    async def work():
        slow = Slow(service, f"/ogc/{ITEMS}?f={f}&limit=all")
        await slow.begun.wait()
        slow.gone.set()
        await slow.task
        return slow

    slow = service.run(work())
    assert (slow.status, slow.ended) == (200, False)
    assert fetch(service, BUSY) == 0
    assert not list((service.app.state.shared.bulk.folder).iterdir())


def test_one_download_at_a_time_and_the_next_is_told_when_to_come(service):
    async def work():
        slow = Slow(service, f"/ogc/{ITEMS}?f=arrow")
        await slow.begun.wait()
        second = await service._fast.get(f"/ogc/{ITEMS}?f=parquet")
        page = await service._fast.get(f"/ogc/{ITEMS}?f=parquet&limit=10")
        slow.gone.set()
        await slow.task
        third = await service._fast.get(f"/ogc/{ITEMS}?f=parquet")
        return second, page, third

    second, page, third = service.run(work())
    assert (second.status_code, page.status_code, third.status_code) == (429, 200, 200)
    assert int(second.headers["retry-after"]) > 0
    assert pq.read_table(io.BytesIO(third.content)).num_rows == int(third.headers["ogc-numbermatched"])


def test_a_file_is_removed_before_it_is_read(service, tmp_path):
    folder = service.app.state.shared.bulk.folder
    seen = []

    async def work():
        slow = Slow(service, f"/ogc/{ITEMS}?f=gpkg")
        await slow.begun.wait()
        seen.extend(path.name for path in folder.rglob("*") if path.is_file())
        slow.gone.set()
        await slow.task

    service.run(work())
    assert seen == []
    assert not list(folder.iterdir())
    (folder / "999999999-killed").mkdir()
    (folder / "999999999-killed" / "half.gpkg").write_bytes(b"x")
    remove_left_behind(folder)
    assert not list(folder.iterdir())


def test_a_limit_beyond_a_page_is_met_and_the_next_part_resumes(service):
    parts, address = [], f"{ITEMS}?f=parquet&limit=1500"
    while address:
        answer = service.ask(address)
        parts.append(pq.read_table(io.BytesIO(answer.content), columns=["id"])["id"].to_pylist())
        assert int(answer.headers["ogc-numberreturned"]) == len(parts[-1])
        address = answer.links.get("next", {}).get("url")
    whole = pq.read_table(io.BytesIO(service.ask(ITEMS, f="parquet").content))["id"].to_pylist()
    assert [len(part) for part in parts[:-1]] == [1500] * (len(parts) - 1)
    assert list(chain.from_iterable(parts)) == whole == sorted(whole)


def test_only_the_head_is_asked_for(service):
    answer = service.ask(ITEMS, f="parquet", method="HEAD")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-disposition"] == 'attachment; filename="points.parquet"'


@pytest.mark.parametrize(
    ("asked", "status", "words"),
    [
        ({"limit": "every", "f": "csv"}, 400, "whole numbers"),
        ({"limit": "0", "f": "parquet"}, 400, "whole numbers"),
        ({"f": "shp"}, 400, "allowed are json"),
        ({"f": "flatgeobuf", "skipGeometry": "true"}, 400, "has no geometries"),
        ({"f": "parquet", "cursor": "x"}, 400, "cursor"),
        ({"f": "parquet", "filter": "1 / floors = 1 AND nothing = 2"}, 400, "nothing"),
    ],
)
def test_what_is_wrong_is_named(service, asked, status, words):
    answer = service.ask(ITEMS, **asked)
    assert (answer.status_code, words in answer.text) == (status, True), answer.text


def test_a_workbook_takes_no_more_than_it_holds(service, monkeypatch):
    small = replace(XLSX, rows_max=10)
    monkeypatch.setattr(table, "FORMATS", tuple(small if one is XLSX else one for one in table.FORMATS))
    answer = service.ask(ITEMS, f="xlsx")
    assert answer.status_code == 413
    assert "take csv or parquet" in answer.text


class TestSession:
    def test_it_reads_in_the_role_and_the_time_of_readers(self, service):
        with ColumnSession(service.url, 1234) as session:
            told = session.row(
                "SELECT current_user::text, current_setting('statement_timeout'), "
                "current_setting('transaction_read_only')"
            )
            assert told == ("onemap_read", "1234ms", "on")
            with pytest.raises(Unavailable):
                session.row("DELETE FROM layer.points")

    def test_a_statement_that_takes_too_long_ends(self, service):
        with ColumnSession(service.url, 50) as session, pytest.raises(TooMuch):
            session.row("SELECT pg_sleep(30)::text")

    def test_a_value_that_cannot_be_computed_is_the_askers_fault(self, service):
        with ColumnSession(service.url, 9000) as session, pytest.raises(BadInput):
            list(session.batches("SELECT 1 / (n - 3) FROM generate_series(1, 9) AS n", WHOLE))

    def test_it_is_cancelled_from_another_thread(self, service):
        with ColumnSession(service.url, 60_000) as session:
            timer = threading.Timer(0.3, session.cancel)
            timer.start()
            with pytest.raises(TooMuch):
                session.row("SELECT pg_sleep(30)::text")
            timer.join()

    def test_a_server_that_is_away_is_said_to_be(self):
        with pytest.raises(Unavailable):
            ColumnSession("postgresql://nobody@127.0.0.1:1/none", 1000)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://u@/db?host=/run/pg", "postgresql://u@/db?host=%2Frun%2Fpg&options=-c%20role%3Dr"),
        ("postgres://u:p@h:1/db", "postgres://u:p@h:1/db?options=-c%20role%3Dr"),
        (
            "postgresql://h/db?search_path=a%20b",
            "postgresql://h/db?options=-c%20search_path%3Da%5C%20b%20-c%20role%3Dr",
        ),
        (
            "postgresql://h/?database=x&options=-c%20a%3D1",
            "postgresql://h/?dbname=x&options=-c%20a%3D1%20-c%20role%3Dr",
        ),
    ],
)
def test_an_address_of_asyncpg_is_one_of_libpq(url, expected):
    assert libpq_address(url, {"role": "r"}) == expected
