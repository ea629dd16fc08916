"""Tickets without a place: placed by a certain address, or in the queue until a person takes, points or refuses."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import httpx
import orjson
import pytest
import yaml
from rich.console import Console
from typer.testing import CliRunner

from layers.catalog import read_catalog
from layers.database.connection import Role, connect
from layers.schema.tables import refresh_statistics
from server.cli import app, command
from server.commands.feeds import incomplete as incomplete_command
from server.identity.operator_token import TOKEN_FILE
from server.installation import PROJECT
from tests.layers.schema.fixture import point
from tests.running_app import running_app
from tests.twin.connectors.house import House
from tests.twin.waiting import until
from twin.feeds.decode import Delivery
from twin.jobs.geocoding import Geocoding
from twin.store.events.completion import incomplete

pytestmark = pytest.mark.anyio
TOKEN = "a-token-of-the-operator-of-forty-letters"
LIBRARY = {
    "A1": ("石牌街道", "龙口西路", "120", (100, 100)),
    "A4": ("冼村街道", "福安街", "5", (500, 100)),
    "A5": ("棠下街道", "福安街", "5", (700, 100)),
    "A9": ("石牌街道", "远方路", "1", (90_000, 100)),
}


@pytest.fixture
async def owner(fixture_copy_url):
    connection = await connect(fixture_copy_url, Role.OWNER)
    await connection.execute("DELETE FROM layer.events")
    await add_addresses(connection, LIBRARY)
    yield connection
    await connection.close()


async def add_addresses(connection, library):
    for name, (street, road, number, place) in library.items():
        await connection.execute(
            """INSERT INTO layer.addresses (id, geom, address, street_name, road_name, house_number)
            VALUES ($1, ST_Transform($2::text::geometry, 4490), $3, $4, $5, $6)""",
            *(name, point(*place), f"广州市天河区{street}{road}{number}号", street, road, number),
        )
    for layer in (await read_catalog(connection)).values():
        await refresh_statistics(connection, layer.definition)


@pytest.fixture
async def house(fixture_copy_url, tmp_path, owner):
    async with House(fixture_copy_url, tmp_path) as running:
        hotline = (PROJECT / "config" / "feeds" / "hotline.yaml").read_text(encoding="utf-8")
        await running.feed({**yaml.safe_load(hotline), "secret": None})
        yield running


@pytest.fixture
def job(house):
    return Geocoding(house.parts.pool, house.parts.catalog, house.parts.intake.offer, 0.9)


def ident(number):
    return f"hotline-GZ{number:06}"


async def send(house, number, address, **said):
    ticket = {
        "ticket_no": f"GZ{number:06}", "version": 1, "matter_code": "0406", "title": "道路积水", "address": address,
        "accept_time": datetime.now(UTC).isoformat(), "urgency": "紧急", "state": "办理中", **said,
    }  # fmt: skip
    taken = await house.parts.intake.take(
        "hotline", Delivery(orjson.dumps([ticket]), {"content-type": "application/json"})
    )
    assert taken.accepted == 1
    return ticket


async def look(house, job, owner):
    """Let the job look once the catalogue of its process knows the newest rows; return how many it placed."""
    versions = {row["id"]: row["version"] for row in await owner.fetch("SELECT id, version FROM onemap.layer")}
    await until(lambda: all(house.parts.catalog()[name].version >= versions[name] for name in ("events", "addresses")))
    return await job.catch_up()


async def event(owner, number):
    return await owner.fetchrow(
        "SELECT *, round(ST_X(geom)::numeric, 5)::float8 AS lon FROM layer.events WHERE id = $1", ident(number)
    )


async def place_of(owner, address):
    return await owner.fetchval(
        "SELECT round(ST_X(geom)::numeric, 5)::float8 FROM layer.addresses WHERE id = $1", address
    )


async def test_a_certain_address_places_a_ticket_and_any_other_waits(house, job, owner):
    await send(house, 1, "天河区石牌街道龙口西路一百二十号")
    await send(house, 2, "福安街5号")
    await send(house, 3, "某处")
    await send(house, 4, "远方路1号")
    await send(house, 5, "石牌街道龙口西路120号", x=0, y=0, coord="wgs84")
    assert await look(house, job, owner) == 2
    for number in (1, 5):
        placed = await event(owner, number)
        assert placed["lon"] == await place_of(owner, "A1")
        marks = placed["location_method"], placed["address_id"], placed["location_confidence"], placed["place_fault"]
        assert marks == ("geocode", "A1", 1.0, None)
        assert placed["grid_code"] == "440106011001001"
    waiting = {one.id: (one.verdict, one.confidence) for one in await incomplete(owner, need="place")}
    assert waiting == {ident(2): ("ambiguous", 1.0), ident(3): ("none", None), ident(4): ("outside", 1.0)}
    assert await look(house, job, owner) == 0
    await add_addresses(owner, {"A6": ("石牌街道", "某处", "1", (200, 100))})
    await owner.execute("UPDATE layer.addresses SET road_name = '福安一街' WHERE id = 'A4'")
    await look(house, job, owner)
    assert (await event(owner, 2))["address_id"] == "A5", "a new library is a new search"


async def test_a_place_of_the_sender_replaces_that_of_the_address(house, job, owner, desk):
    first = await send(house, 1, "龙口西路120号")
    assert await look(house, job, owner) == 1
    as_geocoded = await owner.fetchval("SELECT clock_timestamp()")
    await send(house, 1, "龙口西路120号", accept_time=first["accept_time"], version=2, state="已反馈")
    still = await event(owner, 1)
    assert (still["address_id"], still["stage"]) == ("A1", "feedback")
    place = {"x": 113.3316634, "y": 23.1395597, "coord": "wgs84"}
    await send(house, 1, "龙口西路120号", **{**place, "accept_time": first["accept_time"], "version": 3})
    moved = await event(owner, 1)
    assert (moved["lon"], moved["address_id"], moved["location_confidence"]) == (113.33166, None, None)
    past = as_of(desk, as_geocoded)
    assert (past["address_id"], past["location_confidence"]) == ("A1", 1.0)
    now = as_of(desk, await owner.fetchval("SELECT clock_timestamp()"))
    assert (now["address_id"], now["geom_lon"]) == (None, 113.33166)


class Desk:
    """The operator, at a server over the same database."""

    def __init__(self, http) -> None:
        self._http = http

    def look(self, path="", **params):
        answer = self._http.get(path if path.startswith("/ogc") else f"/twin/incomplete{path}", params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def do(self, path, **said):
        return self._http.post(f"/twin/incomplete/{path}", json=said).status_code


@pytest.fixture
def desk(house):
    (house.home / TOKEN_FILE).write_text(TOKEN, encoding="ascii")
    who = {"authorization": f"Bearer {TOKEN}"}
    with running_app(house.settings) as address, httpx.Client(base_url=address, headers=who, timeout=60) as http:
        yield Desk(http)


def as_of(desk, at):
    """Read the event as it was known at a moment, folded in SQL."""
    item = desk.look(f"/ogc/collections/events/items/{ident(1)}", at=at.isoformat())
    return {**item["properties"], "geom_lon": round(item["geometry"]["coordinates"][0], 5)}


async def test_a_person_takes_a_candidate_gives_a_point_or_refuses(house, job, owner, desk, monkeypatch):
    monkeypatch.setattr(incomplete_command, "_out", Console(width=300, soft_wrap=True))
    for number in (2, 3, 4, 5):
        await send(house, number, "福安街5号")
    await look(house, job, owner)
    assert desk.look()["waiting"] == {"place": 4, "class": 0, "refused": 0}
    assert desk.look()["events"][0]["verdict"] == "ambiguous"
    assert [one["id"] for one in desk.look(f"/{ident(2)}/addresses")["candidates"]] == ["A4", "A5"]
    assert desk.do(ident(2), address_id="A7") == 404
    assert desk.do(ident(2), address_id="A5", lon=113.3, lat=23.1) == 400
    assert desk.do(ident(2), address_id="A9") == 400, "outside the district"
    assert desk.do(ident(2), address_id="A5") == 200
    taken = await event(owner, 2)
    assert (taken["lon"], taken["address_id"]) == (await place_of(owner, "A5"), "A5")
    assert desk.do(ident(3), lon=113.3316634, lat=23.1395597) == 200
    assert (await event(owner, 3))["address_id"] is None
    assert desk.do(f"{ident(4)}/refusal", reason="because") == 400
    assert desk.do(f"{ident(3)}/refusal", reason="unclear") == 404, "it has a place"
    assert desk.do(f"{ident(4)}/refusal", reason="unclear") == 204
    assert desk.look()["waiting"] == {"place": 1, "class": 0, "refused": 1}
    (gone,) = desk.look(refused="true")["events"]
    assert (gone["id"], gone["refusal"]) == (ident(4), "unclear")
    await command_line(house, ident(5))
    assert (await event(owner, 5))["address_id"] == "A4"
    auditor = await connect(str(house.settings.database.url), Role.AUDITOR)
    noted = await auditor.fetch("SELECT body::jsonb ->> 'object' AS thing FROM audit.record")
    await auditor.close()
    assert {row["thing"] for row in noted} >= {f"events/{ident(number)}" for number in (2, 3, 4, 5)}
    await send(house, 4, "石牌街道龙口西路120号", version=2)
    assert await look(house, job, owner) == 1, "another address ends a refusal"


async def command_line(house, event_id):
    def typed(*words):
        command()
        environment = {"ONEMAP_DATABASE_URL": str(house.settings.database.url), "ONEMAP_HOME": str(house.home)}
        done = CliRunner().invoke(app, ["feed", "incomplete", *words], env=environment)
        assert done.exit_code == 0, done.output
        return done.output

    assert "ambiguous 1.00" in await asyncio.to_thread(typed, "list")
    assert "A5" in await asyncio.to_thread(typed, "addresses", event_id)
    await asyncio.to_thread(typed, "refuse", event_id, "--reason", "no_place")
    assert "no_place" in await asyncio.to_thread(typed, "list", "--refused")
    await asyncio.to_thread(typed, "set", event_id, "--address", "A4")
