"""Downloads of whole layers: few at a time, cut with their client, and nothing is left behind."""

from __future__ import annotations

import asyncio
import io
import threading
from dataclasses import replace
from itertools import chain

import adbc_driver_manager as adbc
import asyncpg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely
from starlette.requests import ClientDisconnect

from layers.columns.address import libpq_address
from layers.columns.session import ColumnSession
from layers.columns.shape import ID, Column, ColumnShape
from layers.database.connection import connect
from layers.database.faults import in_words
from layers.errors import BadInput, OneMapError, TooMuch, Unavailable
from server.bulk.reading import BulkReading
from server.bulk.sending import watched
from server.bulk.workspace import remove_left_behind
from server.formats import table
from server.formats.arrow_stream import ARROW
from server.formats.columnar import ColumnHead
from server.formats.delimited import CSV
from server.formats.geoparquet import GEOPARQUET
from server.formats.vector_file import FLATGEOBUF, GEOPACKAGE
from server.formats.workbook import XLSX
from tests.databases import execute, run_async, temporary_database
from tests.impersonation import ACTOR_HEADER
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
    assert service.fetch(BUSY)[0]["count"] == 0
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


def test_small_pages_count_no_further_than_they_reach(service):
    first = service.ask(f"{ITEMS}?f=csv&limit=10&properties=floors&filter=floors>0")
    assert (first.headers["ogc-numberreturned"], "next" in first.links) == ("10", True)
    assert "ogc-numbermatched" not in first.headers  # 3,000 match
    last = service.ask(f"{ITEMS}?f=csv&limit=10&filter=id<'r0005'")
    assert last.headers["ogc-numbermatched"] == last.headers["ogc-numberreturned"]
    assert "next" not in last.links


def test_a_page_tells_the_number_of_all_where_it_is_known(service):
    asked = f"{ITEMS}?limit=10&filter=floors>5"
    known = service.json(f"{asked}&f=json")["numberMatched"]
    assert service.ask(f"{asked}&f=parquet").headers["ogc-numbermatched"] == str(known)


def test_a_reader_that_is_slow_is_cut_in_time(service):
    brief = Service(service.url, bulk={"time_max_s": 1})

    async def work():
        slow = Slow(brief, f"/ogc/{ITEMS}?f=arrow")
        await asyncio.wait_for(slow.task, 60)
        return slow, (await brief._fast.get(f"/ogc/{ITEMS}?f=parquet&limit=10")).status_code

    try:
        slow, after = brief.run(work())
    finally:
        brief.close()
    assert (slow.status, slow.begun.is_set(), slow.ended, after) == (200, True, False, 200)
    assert service.fetch(BUSY)[0]["count"] == 0


def test_a_stranger_holds_no_turn_of_callers_who_are_known(service):
    known = {ACTOR_HEADER: "operator"}

    async def work():
        slow = Slow(service, f"/ogc/{ITEMS}?f=arrow")
        await slow.begun.wait()
        answers = [await service._fast.get(f"/ogc/{ITEMS}?f=parquet", headers=sent) for sent in ({}, known)]
        slow.gone.set()
        await slow.task
        return [one.status_code for one in answers]

    assert service.run(work()) == [429, 200]


@pytest.mark.parametrize("media", [FLATGEOBUF, GEOPACKAGE, XLSX, GEOPARQUET, ARROW, CSV])
def test_a_fault_while_rows_are_read_stays_what_it_is(media, tmp_path):
    shape = ColumnShape((Column(ID, pa.string()), Column("geometry", pa.binary())), "Point")
    row = pa.RecordBatch.from_pylist([{ID: "a", "geometry": shapely.Point(113.3, 23.1).wkb}], schema=shape.schema)

    def rows():
        yield row
        raise TooMuch("cut in the middle")

    with pytest.raises(TooMuch, match="cut in the middle"):
        list(media.write(ColumnHead("layer", shape, tmp_path, 2), rows()))
    assert not list(tmp_path.iterdir())


class BegunSession(ColumnSession):
    """A session that notes that a statement is about to be sent."""

    def __init__(self, url, statement_timeout_ms) -> None:
        self.begun = threading.Event()
        super().__init__(url, statement_timeout_ms)

    def _begin(self, cursor):
        super()._begin(cursor)
        self.begun.set()


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
        ended = threading.Event()
        with BegunSession(service.url, 60_000) as session:

            def cancel():
                session.begun.wait()
                while not ended.wait(0.05):
                    session.cancel()

            canceller = threading.Thread(target=cancel)
            canceller.start()
            try:
                with pytest.raises(TooMuch):
                    session.row("SELECT pg_sleep(30)::text")
            finally:
                ended.set()
                canceller.join()

    def test_no_statement_begins_once_it_is_cancelled(self, service):
        with BegunSession(service.url, 60_000) as session:
            session.cancel()
            with pytest.raises(TooMuch):
                session.row("SELECT pg_sleep(30)::text")
            assert not session.begun.is_set()

    def test_a_batch_is_the_last_once_it_is_cancelled(self, service):
        with ColumnSession(service.url, 60_000) as session:
            batches = session.batches("SELECT n FROM generate_series(1::bigint, 3000000) AS n", WHOLE)
            next(batches)
            session.cancel()
            with pytest.raises(TooMuch):
                next(batches)

    def test_a_statement_that_fails_runs_no_more(self, service):
        with ColumnSession(service.url, 9000) as session:
            with pytest.raises(BadInput):
                session.row("SELECT 1 / 0")
            assert session._running is None
            assert all(cursor._closed for cursor in session._connection._cursors)
            session.cancel()

    def test_what_cannot_be_cancelled_any_more_is_no_fault(self, service):
        with ColumnSession(service.url, 9000) as session, session._cursor("SELECT 1") as cursor:
            cursor.close()
            session.cancel()

    def test_types_are_read_once_and_connections_are_apart(self, service):
        kinds = pa.schema([("said", pa.string()), ("tags", pa.list_(pa.string())), ("at", pa.timestamp("us", "UTC"))])
        with ColumnSession(service.url, 9000) as first, ColumnSession(service.url, 9000) as second:
            assert first._connection._db is second._connection._db
            processes = {session.row("SELECT pg_backend_pid()") for session in (first, second)}
            assert len(processes) == 2
        made = (
            "CREATE TABLE public.later (said text, tags text[], at timestamptz); GRANT SELECT ON public.later TO PUBLIC"
        )
        run_async(execute(service.url, f"{made}; INSERT INTO public.later VALUES ('x', '{{a}}', now())"))
        with ColumnSession(service.url, 9000) as third:
            assert third._connection._db is first._connection._db
            (batch,) = third.batches("SELECT said, tags, at FROM public.later", kinds)
        assert batch.to_pylist()[0]["tags"] == ["a"]

    def test_a_server_that_is_away_is_said_to_be(self):
        with pytest.raises(Unavailable):
            ColumnSession("postgresql://nobody@127.0.0.1:1/none", 1000)

    @pytest.mark.parametrize("state", ["22012", "40001", "42P01", "53300", "54000", "55P03", "57014", "58030", "XX001"])
    def test_a_code_means_the_same_on_every_connection(self, service, state):
        raised = f"DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{state}'; END $$"

        async def heard():
            connection = await connect(service.url)
            try:
                await connection.execute(raised)
            except asyncpg.PostgresError as error:
                return in_words(error)
            finally:
                await connection.close()

        with ColumnSession(service.url, 9000) as session, pytest.raises((OneMapError, adbc.Error)) as told:
            session.row(raised)
        expected = service.run(heard())
        assert isinstance(told.value, adbc.Error if expected is None else type(expected))

    @pytest.mark.parametrize(
        "bad",
        [
            "SELECT ST_AsText(ST_GeomFromText('POLYGON((0 0, 1 1))'))",
            "SELECT ST_Intersects(ST_SetSRID(ST_MakePoint(0, 0), 4490), ST_SetSRID(ST_MakePoint(0, 0), 4547))::text",
            "SELECT ST_AsText(ST_Transform(ST_SetSRID(ST_MakePoint(1e300, 1e300), 4490), 4547))",
        ],
    )
    def test_a_bad_geometry_is_its_senders_fault_on_every_connection(self, service, bad):
        async def heard():
            connection = await connect(service.url)
            try:
                await connection.fetchval(bad)
            except asyncpg.PostgresError as error:
                return in_words(error)
            finally:
                await connection.close()

        with ColumnSession(service.url, 9000) as session, pytest.raises(BadInput) as told:
            session.row(bad)
        assert told.value.message == service.run(heard()).message.splitlines()[0], "the same words, without hints"


def test_who_has_gone_is_cancelled_until_the_statement_ends(service):
    """A statement on its way to the server is not there yet when it is cancelled."""
    lost = []

    class Unlucky(ColumnSession):
        def cancel(self):
            if lost:
                super().cancel()
            lost.append(True)

    async def gone():
        return {"type": "http.disconnect"}

    async def work():
        with Unlucky(service.url, 60_000) as session:
            reading = BulkReading(session, 60)
            with pytest.raises(ClientDisconnect):
                async with watched(gone, reading):
                    await reading.row("SELECT pg_sleep(30)::text")

    service.run(work())
    assert len(lost) > 1


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (
            "postgresql://u@/db?host=/run/pg",
            "postgresql://u@/db?host=%2Frun%2Fpg&connect_timeout=10&options=-c%20role%3Dr",
        ),
        (
            "postgresql://h/db?connect_timeout=3",
            "postgresql://h/db?connect_timeout=3&options=-c%20role%3Dr",
        ),
        ("postgres://u:p@h:1/db", "postgres://u:p@h:1/db?connect_timeout=10&options=-c%20role%3Dr"),
        (
            "postgresql://h/db?search_path=a%20b",
            "postgresql://h/db?connect_timeout=10&options=-c%20search_path%3Da%5C%20b%20-c%20role%3Dr",
        ),
        (
            "postgresql://h/?database=x&options=-c%20a%3D1",
            "postgresql://h/?dbname=x&connect_timeout=10&options=-c%20a%3D1%20-c%20role%3Dr",
        ),
    ],
)
def test_an_address_of_asyncpg_is_one_of_libpq(url, expected):
    assert libpq_address(url, {"role": "r"}) == expected
