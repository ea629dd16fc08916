"""Pages pulled from a real HTTP interface that fails, restarts and changes while it is read."""

from __future__ import annotations

import json
import random
import threading
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from layers.errors import BadInput, TooMuch, Unavailable
from tests.databases import count_rows
from tests.twin.connectors.house import GAUGES, PROCESS_SECONDS, House
from tests.twin.connectors.interface import Interface, break_off, say, serving
from tests.twin.waiting import until
from twin.connectors import pull, pull_pages
from twin.connectors.pull import Pull, PullProgress
from twin.connectors.pull_pages import Pages
from twin.envelope.read import BODY_BYTES_MAX

pytestmark = pytest.mark.anyio
NOON = datetime(2026, 6, 8, 4, tzinfo=UTC)


def record(number: int, minutes: int | None = None):
    at = NOON + timedelta(hours=8, minutes=number if minutes is None else minutes)
    return {"站号": f"R{number:03}", "时间": at.strftime("%Y-%m-%d %H:%M:%S"), "雨量": number / 2}


@pytest.fixture
def interface():
    return Interface()


@pytest.fixture
async def rain(house):
    """Make the feed for an interface at a port: ``await rain(port)``."""

    async def rain(port, **connection):
        given = {
            "url": f"http://127.0.0.1:{port}/api/rain?size=10",
            "interval_s": 1,
            "page_parameter": "pageNo",
            "since_parameter": "from",
            "since_as": "local",
            **connection,
        }
        return await house.feed(GAUGES, protocol="pull", format="records", records="result.rows", connection=given)

    return rain


@pytest.fixture
def once(house):
    """Pull a feed once, as a process that has just begun would."""

    async def once(definition, secret=None):
        async with Pages(definition.connection, secret) as pages:
            settle = partial(house.parts.intake.take_read, definition.name)
            return await Pull(definition, pages, PullProgress(house.parts.pool, definition.name), settle).once()

    return once


async def known(owner):
    return [row[0] for row in await owner.fetch("SELECT id FROM twin.observation ORDER BY id")]


async def test_all_pages_then_only_what_is_new_with_the_overlap(interface, rain, once, owner):
    interface.records = [record(n) for n in range(25)]
    with serving(interface) as port:
        definition = await rain(port, overlap_s=300)
        first = await once(definition)
        assert first.accepted == 25
        assert "from" not in interface.asked[0]
        assert interface.asked[0]["size"] == "10"
        interface.asked.clear()
        interface.records.append(record(25))
        second = await once(definition)
    assert interface.asked[0]["from"] == "2026-06-08 12:19:00"
    assert (second.accepted, second.duplicate) == (1, 6)
    assert await known(owner) == [f"R{n:03}" for n in range(26)]


@pytest.mark.parametrize(
    "fault",
    [
        lambda handler: say(handler, 500),
        lambda handler: say(handler, 429, Retry_After="0"),
        lambda handler: say(handler, 503, Retry_After="Mon, 08 Jun 2020 00:00:00 GMT"),
        break_off,
    ],
    ids=["500", "429", "503", "broken off"],
)
async def test_a_page_that_fails_in_the_middle_is_asked_for_again(interface, rain, once, owner, fault):
    interface.records = [record(n) for n in range(25)]
    interface.faults = {2: [fault]}
    with serving(interface) as port:
        assert (await once(await rain(port))).accepted == 25
    assert len(await known(owner)) == 25


async def test_an_interface_that_is_started_again_is_read_on(interface, rain, once, owner, monkeypatch):
    monkeypatch.setattr(pull_pages, "ATTEMPTS_MAX", 2)
    interface.records = [record(n) for n in range(25)]
    with serving(interface) as port:
        definition = await rain(port)
        interface.faults = {2: [break_off, break_off]}
        with pytest.raises(Unavailable, match="page 2"):
            await once(definition)
    assert len(await known(owner)) == 10
    with pytest.raises(Unavailable):
        await once(definition)
    with serving(interface, port):
        tally = await once(definition)
    assert (tally.accepted, len(await known(owner))) == (15, 25)


async def test_a_process_killed_between_two_pages_takes_every_record_once(empty_url, tmp_path, owner, interface):
    interface.records = [record(n) for n in range(25)]
    stuck = threading.Event()
    interface.before_page = lambda page: page == 3 and not stuck.wait(PROCESS_SECONDS)
    house = House(empty_url, tmp_path)
    with serving(interface) as port:
        connection = {"url": f"http://127.0.0.1:{port}/", "interval_s": 1, "page_parameter": "pageNo"}
        house.write(GAUGES, protocol="pull", format="records", records="result.rows", connection=connection)
        with house.process() as process:
            await until(lambda: interface.pages[3], seconds=PROCESS_SECONDS)
            process.kill()
            process.wait()
        assert len(await known(owner)) == 20
        assert await count_rows(owner, "twin.cursor WHERE name LIKE 'pull:%'") == 0
        stuck.set()
        with house.process():
            await until(lambda: _knows(owner, "R024"), seconds=PROCESS_SECONDS)
    assert len(await known(owner)) == 25


async def test_records_that_move_between_pages_while_they_are_read(interface, rain, once, owner):
    interface.records = [record(n) for n in range(30)]

    def touched(page):
        if page == 2 and interface.pages[2] == 1:  # the first goes to the end, all others move up a place
            interface.records = [*interface.records[1:], record(0, 60)]

    interface.before_page = touched
    with serving(interface) as port:
        await once(await rain(port))
    assert await known(owner) == sorted([*(f"R{n:03}" for n in range(30)), "R000"])


async def test_any_order_gives_the_same(interface, rain, once, owner):
    interface.records = [record(n) for n in range(30)]
    random.Random(5).shuffle(interface.records)
    with serving(interface) as port:
        definition = await rain(port)
        await once(definition)
        random.Random(6).shuffle(interface.records)
        assert (await once(definition)).accepted == 0
    assert len(await known(owner)) == 30


async def test_an_interface_without_pages_is_read_once(interface, rain, once, owner):
    everything = json.dumps({"result": {"rows": [record(n) for n in range(5)]}}).encode()
    interface.answer = lambda handler: say(handler, 200, everything)
    with serving(interface) as port:
        assert (await once(await rain(port))).accepted == 5


async def test_the_secret_is_shown_and_nobody_else_gets_it(interface, rain, once):
    other = Interface()
    with serving(interface) as port, serving(other) as elsewhere:
        interface.faults = {1: [lambda handler: say(handler, 302, Location=f"http://127.0.0.1:{elsewhere}/?pageNo=1")]}
        definition = await rain(port)
        with pytest.raises(BadInput, match="not followed"):
            await once(definition, b"hush")
        interface.faults = {1: [lambda handler: say(handler, 307, Location="/moved?pageNo=1")]}
        await once(definition, b"hush")
        await once(await rain(port, secret_header="X-Api-Key"), b"hush")
    assert other.asked == []
    assert [headers.get("Authorization") for headers in interface.headers[:3]] == ["Bearer hush"] * 3
    assert interface.headers[-1]["X-Api-Key"] == "hush"
    assert "Authorization" not in interface.headers[-1]


async def test_what_is_too_large_or_no_page_is_said(interface, rain, once, owner):
    with serving(interface) as port:
        definition = await rain(port)
        interface.faults = {1: [lambda handler: say(handler, 200, bytes(BODY_BYTES_MAX + 1))]}
        with pytest.raises(TooMuch, match="bytes"):
            await once(definition)
        interface.faults = {1: [lambda handler: say(handler, 200, b"<html>")]}
        with pytest.raises(Unavailable, match="cannot be read"):
            await once(definition)
        interface.faults = {1: [lambda handler: say(handler, 403)]}
        with pytest.raises(Unavailable, match="403"):
            await once(definition)
    assert await count_rows(owner, "twin.cursor WHERE name LIKE 'pull:%'") == 0


async def test_the_connector_pulls_again_and_keeps_a_bad_record_once(house, interface, rain, owner):
    (house.home / "secrets").mkdir()
    (house.home / "secrets" / "rain").write_text("hush")
    (house.home / "secrets" / "rain").chmod(0o600)
    interface.records = [record(0), {**record(1), "雨量": "viel"}]
    with serving(interface) as port:
        definition = (await rain(port)).model_copy(update={"secret": "rain"})
        async with house.connected(pull.PullFeed.run, definition):
            await until(lambda: interface.pages[1] >= 2)
            interface.records.append(record(2))
            await until(lambda: _knows(owner, "R002"))
            await until(lambda: _said(owner, "pulls every 1 s"))
    assert await count_rows(owner, "twin.refused") == 1
    assert interface.headers[0]["Authorization"] == "Bearer hush"


async def _knows(owner, feature_id):
    return feature_id in await known(owner)


async def _said(owner, text):
    return text in (await owner.fetchval("SELECT detail FROM twin.connector WHERE feed = 'gauges'") or "")
