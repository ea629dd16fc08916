from __future__ import annotations

import itertools
import random
from datetime import UTC, datetime

import orjson
import pytest

from layers.actor import Actor
from layers.catalog import read_catalog
from layers.database.connection import Role, connect, create_pool
from tests.databases import count_rows
from tests.twin.feeds.feeds import feed, only, take
from tests.twin.feeds.test_cap import sample
from tests.twin.fixture import lonlat
from twin.jobs.expiry import Expiry
from twin.log.changes import frames_since
from twin.store.events import events, exercises
from twin.store.placed import PlacedMessage

pytestmark = pytest.mark.anyio
STREET = "440106011000"
A, B, C, D = (f"44010641600000_2049060809{n}000_0" for n in range(4))
SENT = {name: f"2049-06-08T09:{n}0:00+08:00" for n, name in enumerate((A, B, C, D))}


def cap(kind, identifier, *refers_to, **other):
    references = " ".join(f"s,{name},{SENT[name]}" for name in refers_to)
    body = sample(kind, identifier, SENT[identifier], references=references, **other).replace(b"2026", b"2049")
    return only(take(feed("warnings_cap"), body))


STORY = [  # each refers to the one before only, as many senders do
    cap("Alert", A, severity="Blue"),
    cap("Update", B, A, severity="Yellow"),
    cap("Update", C, B, severity="Red"),
    cap("Cancel", D, C, severity="Red"),
]


@pytest.fixture
async def ingest(fixture_copy_url):
    connection = await connect(fixture_copy_url, Role.INGEST)
    yield connection
    await connection.close()


async def put(connection, *messages):
    async with connection.transaction():
        placed = [PlacedMessage(m, None, None, (), None) for m in messages]
        return await events.write(connection, await read_catalog(connection), placed)


async def warnings_of(connection):
    rows = await connection.fetch(
        "SELECT id, stage, severity, closed_at, due_at, area_code FROM layer.events WHERE cap IS NOT NULL ORDER BY id"
    )
    versions = await connection.fetch("SELECT event_id, message FROM twin.event_version ORDER BY event_id, message")
    chains = await connection.fetch("SELECT identifier, chain FROM twin.warning_chain ORDER BY identifier")
    return [list(map(tuple, found)) for found in (rows, versions, chains)]


@pytest.mark.parametrize("seed", range(4))
async def test_a_chain_is_one_event_in_whatever_order_it_comes(ingest, seed):
    orders = random.Random(seed).sample(list(itertools.permutations(STORY)), 4)
    for order in orders:
        for message in order:
            await put(ingest, message)
        found, versions, chains = await warnings_of(ingest)
        assert [row[:3] for row in found] == [(f"warning-{A}", "closed", "red")]
        assert {event for event, _ in versions} == {f"warning-{A}"}
        assert len(versions) == 4
        assert {chain for _, chain in chains} == {A}
        await ingest.execute("DELETE FROM twin.event_version; DELETE FROM twin.warning_chain")
        await ingest.execute("DELETE FROM layer.events WHERE cap IS NOT NULL")


@pytest.mark.parametrize("closed", [None, "Restricted", "Private"])
async def test_a_warning_is_public_unless_any_of_its_messages_was_for_a_closed_circle(ingest, closed):
    """The grade is that of all messages, whatever their order; a grade raised by hand stays."""
    told = [STORY[0], cap("Update", B, A, severity="Yellow", scope=closed or "Public"), STORY[2]]
    for order in itertools.permutations(told):
        for message in order:
            await put(ingest, message)
        grades = [row[0] for row in await ingest.fetch("SELECT data_grade FROM layer.events WHERE cap IS NOT NULL")]
        assert grades == [2 if closed else 1]
        await ingest.execute("UPDATE layer.events SET data_grade = 3")
        await put(ingest, STORY[3])
        assert await ingest.fetchval("SELECT min(data_grade) FROM layer.events WHERE cap IS NOT NULL") == 3
        await ingest.execute("DELETE FROM twin.event_version; DELETE FROM twin.warning_chain")
        await ingest.execute("DELETE FROM layer.events WHERE cap IS NOT NULL")


async def test_an_event_that_is_part_of_another_is_told_as_merged(ingest):
    await put(ingest, STORY[0])
    await put(ingest, STORY[3])
    assert len((await warnings_of(ingest))[0]) == 2
    changes = await put(ingest, STORY[2]) + await put(ingest, STORY[1])
    merged = {change["id"]: change["duplicate_of"] for change in changes if change["stage"] == "merged"}
    assert merged == {f"warning-{C}": f"warning-{B}", f"warning-{B}": f"warning-{A}"}
    assert [row[0] for row in (await warnings_of(ingest))[0]] == [f"warning-{A}"]


async def test_the_codes_of_a_warning_are_its_area(ingest):
    codes = "<geocode><valueName>area_code</valueName><value>440106011000</value></geocode>"
    message = cap("Alert", A)
    message.data["area_codes"] = [STREET]
    (change,) = await put(ingest, message)
    assert change["area"]["type"] in {"Polygon", "MultiPolygon"}, codes
    assert change["area_code"] == STREET
    row = await ingest.fetchrow("SELECT ST_X(geom) AS lon, area, area_code FROM layer.events WHERE cap IS NOT NULL")
    assert lonlat(0, 0)[0] < row["lon"] < lonlat(800, 0)[0]
    assert orjson.loads(row["area"]) == change["area"]


@pytest.mark.parametrize(
    ("box", "code"), [((100, 100, 300, 300), "440106011001"), ((100, 100, 700, 300), STREET), ((-900, 0, 9, 9), None)]
)
async def test_a_polygon_lies_in_the_smallest_area_that_holds_it(ingest, box, code):
    west, south, east, north = box
    ring = [lonlat(*p) for p in ((west, south), (east, south), (east, north), (west, north), (west, south))]
    polygon = "<polygon>" + " ".join(f"{lat},{lon}" for lon, lat in ring) + "</polygon>"
    (change,) = await put(ingest, cap("Alert", A, polygon=polygon))
    held = (change.get("area_code") or "")[: len((code or "").rstrip("0"))]
    assert held == (code or "").rstrip("0") if code else change.get("area_code") in {None, "440106000000"}
    inside = await ingest.fetchval(
        "SELECT ST_Intersects(geom, ST_SetSRID(ST_GeomFromGeoJSON(area::text), 4490)) FROM layer.events"
        " WHERE cap IS NOT NULL"
    )
    assert inside


async def test_a_warning_ends_when_it_expires_and_an_update_prolongs_it(ingest):
    def until(message, when):
        return message._replace(data={**message.data, "due_at": datetime.fromisoformat(when)})

    await put(ingest, until(STORY[0], "2026-01-01T00:00:00+00:00"))
    assert (await warnings_of(ingest))[0][0][1] == "closed"
    (change,) = await put(ingest, until(STORY[1], "2049-12-31T00:00:00+00:00"))
    assert change["stage"] == "dispatch"
    assert "closed_at" not in change
    assert await ingest.fetchval("SELECT expires_at FROM twin.warning_open") == datetime(2049, 12, 31, tzinfo=UTC)
    await put(ingest, STORY[3], STORY[2])
    assert await count_rows(ingest, "twin.warning_open") == 0


async def test_exercises_have_chains_of_their_own(ingest):
    drill = [message._replace(mode="exercise") for message in STORY]
    await put(ingest, *STORY[:2])
    async with ingest.transaction():
        await exercises.keep(ingest, [("warnings_cap", m) for m in (*drill[2:], STORY[0])])
        await exercises.keep(ingest, [("warnings_cap", m) for m in drill[:2]])
    assert (await warnings_of(ingest))[0][0][:2] == (f"warning-{A}", "dispatch")
    kept = await exercises.kept(ingest, feed=None, chain=A, before=None, limit=10)
    assert len(kept) == 4
    assert kept[0]["message"]["mode"] == "exercise"
    assert await exercises.counted(ingest) == [{"feed": "warnings_cap", "mode": "exercise", "messages": 4}]


async def test_the_job_closes_what_is_due_and_tells_the_log(ingest, fixture_copy_url):
    await put(ingest, STORY[0])
    await ingest.execute(  # time goes by
        """UPDATE twin.event_version SET record = record || '{"due_at": "2026-06-08T07:30:00+00:00"}';
        UPDATE twin.warning_open SET expires_at = '2026-06-08T07:30:00Z'"""
    )
    catalog = await read_catalog(ingest)
    async with await create_pool(fixture_copy_url, Role.INGEST, size=1) as pool:
        assert await Expiry(pool, lambda: catalog).close_due() == 1
        assert await Expiry(pool, lambda: catalog).close_due() == 0
    row = await ingest.fetchrow("SELECT stage, closed_at FROM layer.events WHERE cap IS NOT NULL")
    assert tuple(row) == ("closed", datetime(2026, 6, 8, 7, 30, tzinfo=UTC))
    ((_, change),) = (await frames_since(ingest, 0))[-1].changes()
    assert (change["kind"], change["stage"], change["grade"]) == ("event", "closed", 1)


async def test_a_public_warning_shows_its_layer_to_strangers(ingest, catalog):
    stranger = Actor("anonymous", 1)
    assert not catalog["events"].visible_to(stranger)
    message = cap("Alert", A, severity="Blue", scope="Public")
    async with ingest.transaction():
        await events.write(ingest, catalog, [PlacedMessage(message, None, None, (), None)])
    assert (await read_catalog(ingest))["events"].visible_to(stranger)
