"""Messages about features that do not exist: nothing is lost in silence, and what is accepted is on the map."""

from __future__ import annotations

import itertools
import random
from datetime import UTC, datetime

import orjson
import pytest

from layers.actor import OPERATOR
from layers.catalog import read_catalog
from layers.coordinates.crs import CRS84
from layers.database.connection import in_our_words
from layers.errors import BadInput
from layers.read.query import single
from layers.schema.tables import table_of
from server.installation import PROJECT
from tests.databases import count_rows
from tests.twin.connectors.house import CARS, position
from tests.twin.waiting import until
from twin.connectors import drop
from twin.connectors.protocols import read_registry
from twin.feeds.decode import Delivery
from twin.jobs.held import HeldMessages

pytestmark = pytest.mark.anyio
PROJECT_FEEDS = PROJECT / "config" / "feeds"
FEED = CARS | {
    "protocol": "http",
    "kinds": ["position", "observation", "event", "feature_change"],
    "supplies": ["vehicles", "rain_gauges", "video_points", "events"],
    "connection": {},
}
PLACE = {"lon": 113.35, "lat": 23.13}
ABOUT = {  # one message of each kind, and what to look at when it counts
    "position": ("vehicles", {**PLACE, "speed_kmh": 30.0}, ("speed_kmh", 30.0)),
    "observation": ("rain_gauges", {"property": "rain_mm", "value": 2.5, "unit": "mm"}, ("rain_mm", 2.5)),
    "feature_change": (
        "video_points",
        {"change": "patch", "properties": {"online_status": "fault"}},
        ("online_status", "fault"),
    ),
}
NUMBERS = itertools.count(1)


def about(kind, feature_id, **more):
    layer, data, _ = ABOUT[kind]
    return {
        **position(next(NUMBERS), f"{layer}/{feature_id}", datetime.now(UTC).isoformat()),
        "type": f"cn.gov.district.{kind}.created",
        "data": {**data, **more},
    }


async def send(house, *messages, name="cars"):
    headers = {"content-type": "application/cloudevents-batch+json"}
    return await house.parts.intake.take(name, Delivery(orjson.dumps(list(messages)), headers))


async def make(house, owner, layer, feature_id):
    """Put a feature into a layer, as a load does, and wait until it is noticed."""
    before = house.parts.catalog()[layer].version
    await owner.execute(
        f"INSERT INTO {table_of(layer)} (id, geom) VALUES ($1, ST_SetSRID(ST_MakePoint(113.35, 23.13), 4490))",
        feature_id,
    )
    await until(lambda: house.parts.catalog()[layer].version > before)


async def shown(house, owner, layer, feature_id):
    """Return the properties of an item, as the map has it."""
    text, values = single((await read_catalog(owner))[layer], OPERATOR, feature_id, CRS84).render()
    with in_our_words():
        found = await owner.fetchval(text, *values)
    return None if found is None else orjson.loads(found)["properties"]


async def counters(owner, name="cars"):
    return await owner.fetchrow(
        "SELECT received, accepted, duplicate, rejected, held FROM twin.feed WHERE name = $1", name
    )


@pytest.mark.parametrize("kind", ABOUT)
async def test_what_is_unknown_is_refused_and_taken_again_when_it_is_there(house, owner, kind):
    await house.feed(FEED)
    layer, _, (field, value) = ABOUT[kind]
    receipt = await send(house, about(kind, "X1"))
    assert (receipt.received, receipt.accepted, len(receipt.refused), receipt.held) == (1, 0, 1, [])
    assert receipt.refused[0].reason == "unknown_feature"
    assert f"{layer}/X1" in receipt.refused[0].detail
    (refused_id,) = (row["id"] for row in await owner.fetch("SELECT id FROM twin.refused"))
    retaking = house.parts.intake.retaking
    with pytest.raises(BadInput, match="refused again"):
        await retaking.replay(refused_id)
    await make(house, owner, layer, "X1")
    assert (await retaking.replay(refused_id)).accepted == 1
    assert (await shown(house, owner, layer, "X1"))[field] == value


@pytest.mark.parametrize("kind", ABOUT)
async def test_what_is_held_is_taken_by_itself_when_it_appears(house, owner, kind):
    await house.feed(FEED, unknown="hold")
    layer, _, (field, value) = ABOUT[kind]
    receipt = await send(house, about(kind, "X1"), about(kind, "X2"))
    assert (receipt.received, receipt.accepted, receipt.refused, len(receipt.held)) == (2, 0, [], 2)
    held = HeldMessages(house.parts.pool, house.parts.catalog, house.parts.intake.retaking)
    assert await held.catch_up() == 0
    await make(house, owner, layer, "X1")
    assert await held.catch_up() == 1
    assert (await shown(house, owner, layer, "X1"))[field] == value
    assert await held.catch_up() == 0
    assert await count_rows(owner, "twin.refused WHERE held AND replayed_at IS NULL") == 1


async def test_what_a_feed_makes_ends_the_waiting_too(house, owner):
    await house.feed(FEED, unknown="hold")
    await send(house, about("feature_change", "X1"))
    held = HeldMessages(house.parts.pool, house.parts.catalog, house.parts.intake.retaking)
    assert await held.catch_up() == 0
    before = house.parts.catalog()["video_points"].version
    made = about("feature_change", "X1", change="upsert", properties={"name": "新"}, **PLACE)
    assert (await send(house, made)).accepted == 1
    await until(lambda: house.parts.catalog()["video_points"].version > before)
    assert await held.catch_up() == 1
    assert (await shown(house, owner, "video_points", "X1"))["online_status"] == "fault"


async def test_what_says_where_it_is_can_be_made(house, owner):
    await house.feed(FEED, unknown="create")
    receipt = await send(
        house, about("position", "X1"), about("position", "X1", lon=113.36), about("observation", "X1")
    )
    assert (receipt.received, receipt.accepted, len(receipt.refused)) == (3, 2, 1)
    assert "rain_gauges/X1" in receipt.refused[0].detail
    assert (await shown(house, owner, "vehicles", "X1"))["speed_kmh"] == 30.0
    assert (await send(house, about("position", "X1"))).accepted == 1


async def test_one_delivery_may_make_what_it_speaks_of_and_remove_what_is_gone(house, owner):
    await house.feed(FEED)
    made = about("feature_change", "X1", change="upsert", properties={"name": "新"}, **PLACE)
    gone = about("feature_change", "never", change="delete")
    del gone["data"]["properties"]
    drill = about("position", "nobody") | {"mode": "exercise"}
    receipt = await send(house, about("feature_change", "X1"), made, gone, drill)
    assert (receipt.accepted, receipt.refused) == (4, [])
    assert (await shown(house, owner, "video_points", "X1"))["online_status"] == "fault"


async def test_what_is_removed_is_unknown_again(house, owner):
    await house.feed(FEED)
    await make(house, owner, "vehicles", "X1")
    assert (await send(house, about("position", "X1"))).accepted == 1
    before = house.parts.catalog()["vehicles"].version
    await owner.execute("DELETE FROM layer.vehicles")
    await until(lambda: house.parts.catalog()["vehicles"].version > before)
    assert (await send(house, about("position", "X1"))).accepted == 0


async def test_what_stands_still_has_no_positions(house, owner):
    await house.feed(FEED)
    await make(house, owner, "rain_gauges", "X1")
    moved = about("observation", "X1") | {"type": "cn.gov.district.position.created", "data": PLACE}
    (refusal,) = (await send(house, moved)).refused
    assert "do not move" in refusal.detail


@pytest.mark.parametrize("policy", ["refuse", "hold", "create"])
async def test_everything_that_was_received_is_accounted_for(house, owner, policy):
    """Received = accepted + duplicate + refused + held, in the answer and in the counters; accepted means shown."""
    await house.feed(FEED, unknown=policy)
    numbers = random.Random(7)
    for layer in ("vehicles", "rain_gauges", "video_points"):
        await make(house, owner, layer, "K1")
    sent = []
    for _ in range(12):
        body = [about(numbers.choice(list(ABOUT)), numbers.choice(["K1", "X1", "X2"])) for _ in range(9)]
        body += numbers.sample(sent, min(len(sent), 3))
        body.append(about("position", "K1", lon=1000.0))
        sent += body
        receipt = await send(house, *body)
        parts = (receipt.accepted, receipt.duplicate, len(receipt.refused), len(receipt.held), receipt.ignored)
        assert receipt.received == sum(parts) == len(body)
    told = await counters(owner)
    assert told["received"] == told["accepted"] + told["duplicate"] + told["rejected"] + told["held"]
    assert await count_rows(owner, "twin.refused") == told["rejected"] + told["held"]
    for layer, table in (("vehicles", "position_now"), ("rain_gauges", "observation_now")):
        rows = await owner.fetch(f"SELECT id FROM twin.{table}")
        assert all([await shown(house, owner, layer, row["id"]) for row in rows])


async def test_who_dropped_a_file_is_told_which_rows_found_no_feature(house, owner):
    shipped = read_registry(PROJECT_FEEDS).by_name["video_status"]
    feed = await house.feed(shipped.model_dump(mode="json", by_alias=True, exclude_defaults=True))
    await make(house, owner, "video_points", "44010600001320000001")
    folder = house.home / "drops" / feed.name
    folder.mkdir(parents=True)
    rows = ["国标编码,在线状态,变更时间", "44010600001320000001,故障,2026-06-08 09:00:00"]
    rows.append("44010600001320000099,离线,2026-06-08 09:00:00")
    part = folder / "status.part"
    part.write_bytes("\n".join(rows).encode("gbk"))
    part.rename(folder / "video_status_1.csv")
    async with house.connected(drop.DropFeed.run, feed):
        await until((folder / "done" / "video_status_1.csv").exists)
    report = (folder / "done" / "video_status_1.csv.report.csv").read_text("utf-8-sig").splitlines()
    assert len(report) == 2
    assert report[1].startswith("3,unknown_feature,")
    assert "44010600001320000099" in report[1]
    assert (await shown(house, owner, "video_points", "44010600001320000001"))["online_status"] == "fault"
