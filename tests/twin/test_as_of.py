"""As of any moment: what was known then is what was answered then, and what was true then is what the messages say."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import orjson
import pytest

from layers.actor import OPERATOR
from layers.catalog import read_catalog
from layers.clause import Clause
from layers.coordinates.crs import CRS84
from layers.database.connection import Role, connect, create_pool
from layers.moment import Moment
from layers.read.query import ItemsQuery, count, page, single
from layers.schema.tables import table_of
from tests.twin.live.test_live_state import message, observation
from tests.twin.service import TwinService
from twin.intake.pipeline import Pipeline
from twin.join.index import AreaIndex

pytestmark = pytest.mark.anyio
LAYERS = (
    "vehicles", "grid_workers", "water_level_stations", "video_points", "flood_risk_points", "events", "grids",
    "communities", "streets", "districts", "urban_villages", "roads",
)  # fmt: skip
AGING = {"rain_1h_mm", "rain_3h_mm", "rain_24h_mm", "is_stale", "position_is_stale", "events_today", "overdue"}


@pytest.fixture
async def owner(district_url):
    connection = await connect(district_url)
    yield connection
    await connection.close()


@pytest.fixture
async def reader(district_url):
    connection = await connect(district_url, Role.READ)
    yield connection
    await connection.close()


@pytest.fixture
async def catalog(owner):
    return await read_catalog(owner)


@pytest.fixture
async def pipeline(district_url, owner, catalog):
    areas = await AreaIndex.read(owner)
    pool = await create_pool(district_url, Role.INGEST, size=3)
    running = Pipeline(pool, lambda: catalog, lambda: areas)
    running.start()
    yield running
    await running.stop()
    await pool.close()


async def features(reader, layer, where=None, **asked):
    query = ItemsQuery(layer, OPERATOR, limit=100_000, **({"where": where} if where else {}), **asked)
    text, values = page(query).render()
    found = orjson.loads(b"[%b]" % (await reader.fetchval(text, *values) or b""))
    for feature in found:
        feature["properties"] = {n: v for n, v in feature["properties"].items() if n not in AGING}
    return {feature["id"]: feature for feature in found}


def event(one, at_s, version, stage, base, **said):
    made = message("event", "events", one, 0, version=version, stage=stage, source="hotline", **said)
    return made._replace(phenomenon_time=base + timedelta(seconds=at_s), id=f"{one}-{version}-{at_s}")


def round_of(numbers, ids, number):
    """Messages of one round: some of everything, some of it late."""
    base = datetime.now(UTC)

    def late():
        return numbers.choice([1.0, 5.0, 300.0, 900.0]) + numbers.random()

    for layer in ("vehicles", "grid_workers"):
        for one in numbers.sample(ids[layer], len(ids[layer]) // 2):
            place = {"lon": numbers.uniform(113.3, 113.42), "lat": numbers.uniform(23.1, 23.2)}
            made = message("position", layer, one, 0, **place, speed_kmh=1.0 * number)
            yield made._replace(phenomenon_time=base - timedelta(seconds=late()), id=f"{one}-{number}")
    told = [("water_level_stations", "level_m", 5.0), ("flood_risk_points", "water_depth_m", 0.4)]
    for layer, code, most in told:
        for one in ids[layer]:
            made = observation(layer, one, 0, code, round(numbers.uniform(0, most), 3))
            yield made._replace(phenomenon_time=base - timedelta(seconds=late()), id=f"{one}-{code}-{number}")
    for one in numbers.sample(ids["video_points"], 20):
        made = observation("video_points", one, 0, "online_status", numbers.choice(["online", "offline"]))
        yield made._replace(phenomenon_time=base - timedelta(seconds=late()), id=f"{one}-status-{number}")
    for one in range(12):
        stage = numbers.choice(["collect", "file", "handle", "closed"])
        place = {"lon": numbers.uniform(113.31, 113.42), "lat": numbers.uniform(23.11, 23.18)} if number < 2 else {}
        ended = {"closed_at": base} if stage == "closed" else {}
        yield event(
            f"T{one % (4 * number + 4)}", -late(), 100 * number + one, stage, base, **place, **ended, title=f"{number}"
        )


async def change_layers(owner, number):
    """Somebody edits the layers: a grid is renamed, a road goes, a camera comes."""
    await owner.execute(
        "UPDATE layer.grids SET name = $1 WHERE id = (SELECT min(id) FROM layer.grids)", f"第{number}次"
    )
    await owner.execute("DELETE FROM layer.roads WHERE id = (SELECT min(id) FROM layer.roads)")
    await owner.execute(
        "INSERT INTO layer.roads (id, name, geom) SELECT $1, 'new', geom FROM layer.roads ORDER BY id LIMIT 1",
        f"~{number}",
    )


async def test_what_was_known_is_what_was_answered(owner, reader, catalog, pipeline):
    numbers = random.Random(41)
    ids = {name: [r[0] for r in await owner.fetch(f"SELECT id FROM {table_of(name)} ORDER BY id")] for name in catalog}
    answered = []
    for number in range(4):
        await pipeline.offer("test", list(round_of(numbers, ids, number)))
        await change_layers(owner, number)
        moment = await owner.fetchval("SELECT clock_timestamp()")
        answered.append((moment, {name: await features(reader, catalog[name]) for name in LAYERS}))
    assert answered[0][1]["vehicles"] != answered[1][1]["vehicles"]
    for moment, then in answered:
        for name in LAYERS:
            layer = catalog[name].as_of(Moment(moment, "known"))
            assert await features(reader, layer) == then[name], (name, moment)
            text, values = count(ItemsQuery(layer, OPERATOR), 1_000_000).render()
            assert await reader.fetchval(text, *values) == len(then[name])
    moment, then = answered[1]
    vehicles = catalog["vehicles"].as_of(Moment(moment))
    one = max(then["vehicles"])
    text, values = single(vehicles, OPERATOR, one, CRS84).render()
    assert orjson.loads(await reader.fetchval(text, *values))["geometry"] == then["vehicles"][one]["geometry"]
    box = Clause(
        "f.geom && ST_MakeEnvelope(113.33, 23.12, 113.38, 23.16, 4490) AND f._lon_now BETWEEN 113.33 AND 113.38"
    )
    inside = {n for n, f in then["vehicles"].items() if 113.33 <= f["geometry"]["coordinates"][0] <= 113.38}
    inside = {n for n in inside if 23.12 <= then["vehicles"][n]["geometry"]["coordinates"][1] <= 23.16}
    assert (await features(reader, vehicles, box)).keys() == inside


async def test_what_was_true_is_what_the_messages_say(owner, reader, catalog, pipeline):
    numbers = random.Random(42)
    ids = {name: [r[0] for r in await owner.fetch(f"SELECT id FROM {table_of(name)} ORDER BY id")] for name in catalog}
    sent = [one for number in range(3) for one in round_of(numbers, ids, number)]
    numbers.shuffle(sent)
    await pipeline.offer("test", sent)
    for ago_s in (0, 250, 600, 899):
        at = datetime.now(UTC) - timedelta(seconds=ago_s)
        true = [one for one in sorted(sent, key=lambda m: (m.phenomenon_time, m.version)) if one.phenomenon_time <= at]
        last = {(one.kind, one.layer, one.feature_id): one for one in true}
        found = {name: await features(reader, catalog[name].as_of(Moment(at, "phenomenon"))) for name in LAYERS}
        for (kind, layer, one), said in last.items():
            feature = found[layer][one]
            if kind == "position":
                assert feature["geometry"]["coordinates"] == pytest.approx([said.lon, said.lat], abs=1e-6)
            elif kind == "event":
                assert feature["properties"]["stage"] == said.stage
            else:
                shown = {"level_m": "level_m", "water_depth_m": "water_depth_m", "online_status": "online_status"}
                expected = said.value if said.value is not None else said.value_text
                assert feature["properties"][shown[said.property_code]] == expected
        happened = {one for kind, _, one in last if kind == "event"}
        assert {one for one in found["events"] if one.startswith("T")} == happened
        ended = {one.feature_id for one in true if one.stage == "closed"}
        open_ = len(happened - ended)
        text = "SELECT count(*) FROM layer.events WHERE id NOT LIKE 'T%' AND occurred_at <= $1 AND NOT closed_at <= $1"
        assert await owner.fetchval(
            text.replace("NOT closed_at <= $1", "(closed_at > $1 OR closed_at IS NULL)"), at
        ) + open_ == (
            sum(
                f["properties"]["closed_at"] is None and f["properties"]["stage"] != "closed"
                for f in found["events"].values()
            )
        )


async def test_a_day_replayed_as_in_the_domain_reference(owner, catalog, pipeline, district_url):
    """Domain 4.10: at 10:00 one event was known and had been accepted; with what is known now there were two."""
    await owner.execute("DELETE FROM layer.events")
    base = datetime(2026, 6, 8, 9, 50, tzinfo=UTC) - timedelta(hours=8)
    steps = [(0, 1, "collect", "occurred_at"), (300, 2, "file", "accepted_at"), (900, 3, "feedback", "handled_at")]
    story = [
        event(
            "A",
            s,
            version,
            stage,
            base,
            **{name: base + timedelta(seconds=s)},
            **({"lon": 113.33, "lat": 23.14} if s == 0 else {}),
        )
        for s, version, stage, name in [*steps, (2400, 4, "closed", "closed_at")]
    ]
    story.append(event("B", 480, 1, "collect", base, occurred_at=base + timedelta(seconds=480), lon=113.34, lat=23.14))
    await pipeline.offer("test", story)
    await owner.execute("UPDATE twin.event_version SET ingested_at = phenomenon_time")
    await owner.execute(
        "UPDATE twin.event_version SET ingested_at = $1 WHERE event_id = 'B'", base + timedelta(minutes=22)
    )
    service = TwinService(district_url)
    try:
        path, at = "collections/events/items", "2026-06-08T10:00:00+08:00"
        known = service.json(path, at=at)
        assert [(f["id"], f["properties"]["stage"]) for f in known["features"]] == [("A", "file")]
        assert known["features"][0]["properties"]["accepted_at"]
        assert known["features"][0]["properties"]["handled_at"] is None
        assert known["numberMatched"] == 1
        true = service.json(path, at=at, basis="phenomenon")
        assert {f["id"]: f["properties"]["stage"] for f in true["features"]} == {"A": "file", "B": "collect"}
        assert service.json(path, at=at, basis="phenomenon", resulttype="hits")["numberMatched"] == 2
        assert service.ask(f"{path}/B", at=at).status_code == 404
        assert service.json(f"{path}/B", at=at, basis="phenomenon")["properties"]["stage"] == "collect"
        assert service.json(path, at="2026-06-08T09:49:00+08:00", basis="phenomenon")["numberMatched"] == 0
        assert service.json(path, at=at, basis="phenomenon", stage="collect")["numberMatched"] == 1
        counted = service.json("collections/districts/items", at=at, basis="phenomenon")["features"][0]["properties"]
        assert (counted["events_open"], counted["events_today"]) == (2, 2)
        for asked in ({"at": at}, {"at": at, "basis": "phenomenon", "sortby": "-stage"}):
            fast, slow = (service.json(path, slow=slow, **asked) for slow in (False, True))
            assert fast | {"timeStamp": 0} == slow | {"timeStamp": 0}
        one, other = (service.json(f"{path}/A", slow=slow, at=at) for slow in (False, True))
        assert one["properties"] == other["properties"]
        for slow in (False, True):
            assert service.ask(f"{path}/B", slow=slow, at=at).status_code == 404
    finally:
        service.close()


@pytest.mark.parametrize(
    "asked",
    [
        {"at": "yesterday"},
        {"at": "2026-06-08"},
        {"at": "2026-06-08T10:00:00"},
        {"at": "2999-01-01T00:00:00Z"},
        {"at": "1200-01-01T00:00:00Z"},
        {"at": ""},
        {"basis": "known"},
        {"at": "2026-06-08T10:00:00Z", "basis": "maybe"},
    ],
)
def test_a_bad_moment_is_told(twin, asked):
    for path in ("collections/grids/items", "collections/grids/items/440106011001001"):
        for slow in (False, True):
            answer = twin.ask(path, slow=slow, **asked)
            assert answer.status_code == 400, (path, slow, answer.text)


def test_before_anything_was_known_there_is_nothing(twin):
    long_ago = "2001-01-01T00:00:00Z"
    assert twin.json("collections/grids/items", at=long_ago)["numberMatched"] == 0
    assert twin.json("collections/grids/items", at=long_ago, basis="phenomenon")["numberMatched"] == 4


async def test_frames_laid_over_each_other_are_the_snapshots(owner, catalog, pipeline, district_url):
    numbers = random.Random(43)
    ids = {name: [r[0] for r in await owner.fetch(f"SELECT id FROM {table_of(name)} ORDER BY id")] for name in catalog}
    await pipeline.offer("test", [one for number in range(3) for one in round_of(numbers, ids, number)])
    end = datetime.now(UTC).replace(microsecond=0)
    service = TwinService(district_url)
    try:
        asked = {"layers": "vehicles,events,water_level_stations", "basis": "phenomenon"}
        span = {"from": (end - timedelta(minutes=20)).isoformat(), "to": end.isoformat(), "step": "5m"}
        answer = service.ask("/twin/replay", **asked, **span)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"].startswith("application/x-ndjson")
        frames = [orjson.loads(line) for line in answer.text.splitlines()]
        assert len(frames) == 5
        shown = {name: {} for name in asked["layers"].split(",")}
        for frame in frames:
            for name, change in frame["layers"].items():
                shown[name] |= {feature["id"]: feature for feature in change["features"]}
                for one in change["removed"]:
                    del shown[name][one]
            then = service.json("/twin/snapshot", **asked, at=frame["at"])
            for name, found in then["layers"].items():
                assert {feature["id"]: feature for feature in found["features"]} == shown[name]
        assert any(frame["layers"] for frame in frames[1:])
        now = service.json("/twin/snapshot", layers="vehicles,grids")
        assert now["seq"] == await owner.fetchval("SELECT max(last_seq) FROM twin.change")
        some = service.json("/twin/snapshot", layers="vehicles", bbox="113.33,23.12,113.36,23.15")["layers"]["vehicles"]
        inside = service.json("collections/vehicles/items", bbox="113.33,23.12,113.36,23.15", limit=1000)
        assert {feature["id"] for feature in some["features"]} == {feature["id"] for feature in inside["features"]}
        for wrong in (
            {"step": "0s"}, {"step": "fast"}, {"step": "1s", "from": "2026-01-01T00:00:00Z"}, {"from": "x"},
            {"to": "2999-01-01T00:00:00Z"},
            {"from": end.isoformat(), "to": (end - timedelta(hours=1)).isoformat()}, {"layers": "nothing"},
            {"colour": "red"}, {"bbox": "1,2"},
        ):  # fmt: skip
            refused = service.ask("/twin/replay", **(asked | span | wrong))
            assert refused.status_code in {400, 413, 422}, (wrong, refused.text)
        assert service.ask("/twin/snapshot", layers="vehicles", actor="public").status_code == 400
    finally:
        service.close()
