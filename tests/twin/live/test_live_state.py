"""Live state in the collections: items are what an oracle in memory makes of the messages that were sent."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from types import SimpleNamespace

import pytest

from layers.actor import OPERATOR, Actor
from layers.catalog import read_catalog
from layers.clause import Clause
from layers.coordinates.crs import CRS84
from layers.cql2 import compile_bbox, parse_bbox, queryables_of
from layers.database.connection import Role, connect, create_pool
from layers.read.query import ItemsQuery, page, single
from tests.databases import run_async, temporary_database
from tests.readers import OPENED
from tests.twin.service import ACTORS, TwinService
from twin.envelope.message import Message
from twin.intake.pipeline import Pipeline
from twin.join.index import AreaIndex


@lru_cache(maxsize=1)
def begun() -> datetime:
    """The moment the messages are made, not the one the file is read: a suite takes longer than things stay fresh."""
    return datetime.now(UTC).replace(microsecond=0)


CLOSED = {"closed", "evaluate", "merged", "voided"}


def message(kind, layer, feature_id, ago_s, *, version=0, **said):
    blank = dict.fromkeys(Message._fields)
    hot = {name: said.pop(name) for name in list(said) if name in blank and name != "source"}
    if "stage" in hot:
        said["stage"] = hot["stage"]
    filled = {"kind": kind, "layer": layer, "feature_id": feature_id, "version": version, "data": said} | hot
    filled |= {"source": "/feeds/test", "type": "test", "mode": "actual", "suspect": False}
    filled |= {"id": f"{feature_id}-{hot.get('property_code')}-{ago_s}-{version}"}
    return Message(**(blank | filled | {"phenomenon_time": begun() - timedelta(seconds=ago_s)}))


def story(ids):
    """Messages about a part of the district's things, at random but always the same."""
    numbers = random.Random(20260608)
    parts = (moves, levels, rains, statuses, depths, tickets)
    sent = [one for part in parts for one in part(ids, numbers)]
    numbers.shuffle(sent)
    return sent


def observation(layer, one, ago_s, code, value):
    told = {"value_text": value} if isinstance(value, str) else {"value": value}
    return message("observation", layer, one, ago_s, property_code=code, **told)


def moves(ids, numbers):
    for layer in ("vehicles", "grid_workers"):
        for one in ids[layer][::2]:
            for ago_s in numbers.sample(range(5, 1500), 3):
                place = {
                    "lon": round(numbers.uniform(113.30, 113.42), 6),
                    "lat": round(numbers.uniform(23.11, 23.18), 6),
                }
                yield message("position", layer, one, ago_s, **place, speed_kmh=float(numbers.randrange(60)))


def levels(ids, numbers):
    for station in ids["water_level_stations"]:
        start = numbers.uniform(1, 9)
        for number, ago_s in enumerate(range(0, 7200, 300)):
            level = round(start - numbers.choice([0.02, 0.0005]) * number, 3)
            yield observation("water_level_stations", station, ago_s, "level_m", level)


def rains(ids, numbers):
    for gauge in ids["rain_gauges"]:
        for ago_s in range(60, 30 * 3600, 300):
            yield observation("rain_gauges", gauge, ago_s, "rain_mm", float(numbers.choice([0, 0, 0.5, 2])))


def statuses(ids, numbers):
    for camera in ids["video_points"][::3]:
        for ago_s in numbers.sample(range(5, 5000), 2):
            status = numbers.choice(["online", "offline", "fault"])
            yield observation("video_points", camera, ago_s, "online_status", status)


def depths(ids, numbers):
    for point in ids["flood_risk_points"]:
        yield observation(
            "flood_risk_points", point, 30, "water_depth_m", numbers.choice([0.0, 0.1, 0.15, 0.2, 0.31, 0.6])
        )


def tickets(_, numbers):
    for number in range(80):
        place = {"lon": numbers.uniform(113.31, 113.42), "lat": numbers.uniform(23.11, 23.18)}
        began, due = numbers.randrange(10, 200_000), begun() + timedelta(seconds=numbers.uniform(-9e4, 9e4))
        first = {"stage": "collect", "occurred_at": begun() - timedelta(seconds=began), "due_at": due, **place}
        yield message("event", "events", f"T{number}", began, version=1, source="hotline", **first)
        if number % 3 == 1:
            ended = {"stage": "closed", "closed_at": begun() - timedelta(seconds=5)}
            yield message("event", "events", f"T{number}", 5, version=2, source="hotline", **ended)
        if number % 3 == 2:
            yield message("event", "events", f"T{number}", 5, version=2, source="hotline", stage="handle")


async def send(url):
    """Send the messages through the pipeline, and return them."""
    connection = await connect(url)
    pool = await create_pool(url, Role.INGEST, size=3)
    try:
        catalog = await read_catalog(connection)
        rows = {name: await connection.fetch(f"SELECT id FROM {catalog[name].table} ORDER BY id") for name in catalog}
        sent = story({name: [row["id"] for row in found] for name, found in rows.items()})
        areas = await AreaIndex.read(connection)
        pipeline = Pipeline(pool, lambda: catalog, lambda: areas)
        pipeline.start()
        outcomes = [await pipeline.offer("test", sent[start : start + 500]) for start in range(0, len(sent), 500)]
        await pipeline.stop()
        assert sum(outcome.accepted for outcome in outcomes) == len(sent)
        village = "ARRAY[(SELECT min(id) FROM layer.urban_villages)]"
        await connection.execute(f"UPDATE layer.events SET urban_village_ids = {village} WHERE id LIKE 'T%3'; ANALYZE")
        return sent
    finally:
        await pool.close()
        await connection.close()


@pytest.fixture(scope="module")
def city(cluster, district_template):
    with temporary_database(cluster, district_template) as url:
        sent = run_async(send(url))
        service = TwinService(url)
        yield SimpleNamespace(url=url, sent=sent, ask=service.ask, json=service.json, service=service)
        service.close()


def newest(city, kind, code=None):
    """Return the newest message of each thing, by id."""
    found = {}
    for one in sorted(city.sent, key=lambda m: m.phenomenon_time):
        if one.kind == kind and one.property_code == code:
            found[one.layer, one.feature_id] = one
    return found


def items(city, layer, **asked):
    document = city.json(f"collections/{layer}/items", limit=10_000, **asked)
    return {feature["id"]: feature for feature in document["features"]}


@pytest.mark.parametrize("layer", ["vehicles", "grid_workers"])
def test_things_that_move_are_where_they_were_last(city, layer):
    last = newest(city, "position")
    for one, feature in items(city, layer).items():
        position = last.get((layer, one))
        if position is None:
            assert feature["properties"]["position_is_stale"] is None
            continue
        assert feature["geometry"]["coordinates"] == pytest.approx([position.lon, position.lat], abs=1e-7)
        assert feature["properties"]["speed_kmh"] == position.speed_kmh
        assert datetime.fromisoformat(feature["properties"]["position_at"]) == position.phenomenon_time
        assert (feature["properties"]["area_code"] or "440106").startswith("440106")


@pytest.mark.parametrize(
    "box", ["113.32,23.12,113.35,23.14", "113.3,23.1,113.45,23.2", "113.36,23.12,113.3601,23.1201"]
)
def test_a_box_finds_what_is_in_it_now_and_not_what_belongs_there(city, box):
    west, south, east, north = map(float, box.split(","))
    everything = items(city, "vehicles")
    inside = {
        one
        for one, feature in everything.items()
        if west <= feature["geometry"]["coordinates"][0] <= east
        and south <= feature["geometry"]["coordinates"][1] <= north
    }
    assert items(city, "vehicles", bbox=box).keys() == inside
    hits = city.json("collections/vehicles/items", bbox=box, resulttype="hits")
    assert hits["numberMatched"] == len(inside)
    around = f"S_INTERSECTS(geom, BBOX({box}))"
    assert items(city, "vehicles", filter=around, filter__lang="cql2-text").keys() == inside
    nearby = city.json(
        f"/twin/nearby?lon={(west + east) / 2}&lat={(south + north) / 2}&radius_m=5000&layers=vehicles&limit=1000"
    )
    for feature in nearby["features"]:
        assert feature["geometry"] == everything[feature["id"]]["geometry"]


def test_stations_answer_with_level_trend_and_alarm(city):
    last = newest(city, "observation", "level_m")
    series = {}
    for one in city.sent:
        if one.property_code == "level_m":
            series.setdefault(one.feature_id, {})[one.phenomenon_time] = one.value
    for one, feature in items(city, "water_level_stations").items():
        said, level = feature["properties"], last["water_level_stations", one]
        assert said["level_m"] == level.value
        assert datetime.fromisoformat(said["level_at"]) == level.phenomenon_time
        change = level.value - series[one][level.phenomenon_time - timedelta(minutes=30)]
        assert said["trend"] == ("5" if change > 0.01 else "6" if change >= -0.01 else "4")
        bounds = (said["guarantee_level_m"], said["warning_level_m"])
        alarm = "guarantee" if level.value >= bounds[0] else "warning" if level.value >= bounds[1] else "normal"
        assert said["alarm"] == alarm
        assert said["online_status"] == "online"
        assert said["is_stale"] is False


def test_gauges_answer_with_sums_of_their_series(city):
    for one, feature in items(city, "rain_gauges").items():
        rains = {m.phenomenon_time: m.value for m in city.sent if m.feature_id == one}
        assert feature["properties"]["rain_mm"] == rains[max(rains)]
        for name, hours in (("rain_1h_mm", 1), ("rain_3h_mm", 3), ("rain_24h_mm", 24)):
            sums = [  # the test may run at any second of the interval
                sum(value for at, value in rains.items() if now - timedelta(hours=hours) < at <= now)
                for now in (begun() + timedelta(seconds=s) for s in range(0, 900, 20))
            ]
            assert any(feature["properties"][name] == pytest.approx(total) for total in sums)


def test_depths_are_classed(city):
    last = newest(city, "observation", "water_depth_m")
    for one, feature in items(city, "flood_risk_points").items():
        depth = last["flood_risk_points", one].value
        expected = sum(depth > bound for bound in (0, 0.15, 0.3, 0.5))
        assert feature["properties"]["water_depth_class"] == str(expected)


def test_cameras_tell_their_status_and_filter_sort_and_page_by_it(city):
    last = newest(city, "observation", "online_status")
    found = items(city, "video_points", actor="operator")
    for one, feature in found.items():
        if ("video_points", one) in last:
            assert feature["properties"]["online_status"] == last["video_points", one].value_text
    dark = {one for one, feature in found.items() if feature["properties"]["online_status"] == "fault"}
    assert items(city, "video_points", online_status="fault").keys() == dark
    assert items(city, "video_points", filter="online_status = 'fault'").keys() == dark
    order, target = [], f"collections/video_points/items?limit={max(1, len(found) // 5)}&sortby=online_status,-id"
    while target:
        document = city.json(target)
        order += [(f["properties"]["online_status"] or "~", f["id"]) for f in document["features"]]
        target = next((link["href"] for link in document["links"] if link["rel"] == "next"), None)
    assert {one for _, one in order} == found.keys()
    assert [status for status, _ in order] == sorted(status for status, _ in order)


def events_now(city, actor="operator"):
    return items(city, "events", actor=actor)


def counted(city, belongs):
    counts = {"open": Counter(), "overdue": Counter(), "today": Counter()}
    day = (datetime.now(UTC) + timedelta(hours=8)).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(
        hours=8
    )
    for feature in events_now(city).values():
        said = feature["properties"]
        is_open = said["closed_at"] is None and said["stage"] not in CLOSED
        late = is_open and said["due_at"] is not None and datetime.fromisoformat(said["due_at"]) < datetime.now(UTC)
        today = said["occurred_at"] is not None and datetime.fromisoformat(said["occurred_at"]) >= day
        for area in belongs(said):
            counts["open"][area] += is_open
            counts["overdue"][area] += late
            counts["today"][area] += today
    return counts


BELONGS = {
    "grids": lambda said: [said["grid_code"]],
    "communities": lambda said: [said["area_code"]],
    "streets": lambda said: [(said["area_code"] or "")[:9]],
    "districts": lambda said: [(said["area_code"] or "")[:6]],
    "urban_villages": lambda said: said["urban_village_ids"] or [],
}


@pytest.mark.parametrize("layer", BELONGS)
def test_areas_count_their_events(city, layer):
    counts = counted(city, BELONGS[layer])
    found = items(city, layer)
    assert counts["open"].total() > 0
    for one, feature in found.items():
        said = feature["properties"]
        assert (said["events_open"], said["events_overdue"], said["events_today"]) == (
            counts["open"][one],
            counts["overdue"][one],
            counts["today"][one],
        )
    busy = {one for one, feature in found.items() if feature["properties"]["events_open"] >= 2}
    assert items(city, layer, filter="events_open >= 2").keys() == busy
    first = city.json(f"collections/{layer}/items", sortby="-events_open", limit=1)["features"][0]
    assert first["properties"]["events_open"] == max(f["properties"]["events_open"] for f in found.values())


def test_an_event_that_is_closed_is_counted_no_longer_and_the_client_hears_of_it(city):
    before = city.ask("collections/districts/items")
    tag = before.headers["etag"]
    city.service.execute(
        "INSERT INTO layer.events (id, source, stage, area_code, occurred_at) "
        "VALUES ('one-more', 'hotline', 'handle', '440106001001', now())"
    )
    city.service.wait(lambda: city.ask("collections/districts/items").headers["etag"] != tag)
    after = city.json("collections/districts/items")["features"][0]["properties"]["events_open"]
    assert after == before.json()["features"][0]["properties"]["events_open"] + 1
    city.service.execute("DELETE FROM layer.events WHERE id = 'one-more'")


def test_counts_hold_what_the_caller_may_see(city):
    city.service.execute(
        "INSERT INTO layer.events (id, source, stage, area_code, grid_code, data_grade) SELECT 'secret', 'hotline', "
        "'handle', left(grid_code, 12), grid_code, 4 FROM layer.grids ORDER BY id LIMIT 1"
    )
    grid = min(items(city, "grids"))
    seen = {actor: items(city, "grids", actor=actor)[grid]["properties"] for actor in ("operator", "anonymous")}
    assert seen["operator"]["events_open"] == seen["anonymous"]["events_open"] + 1
    assert "events_open" not in next(iter(items(city, "districts", actor="public").values()))["properties"]
    city.service.execute("DELETE FROM layer.events WHERE id = 'secret'")


def test_where_people_are_is_for_those_who_may_know(city):
    last = newest(city, "position")
    moved = {one for layer, one in last if layer == "grid_workers"}
    ACTORS["stranger"] = OPENED
    officer, anonymous = (items(city, "grid_workers", actor=actor) for actor in ("operator", "stranger"))
    assert moved <= officer.keys()
    shown = moved & anonymous.keys()
    assert shown
    for one in shown:
        assert anonymous[one]["geometry"] != officer[one]["geometry"]
        assert anonymous[one]["properties"].get("speed_kmh") is None
        assert anonymous[one]["properties"].get("position_is_stale") is None


def test_whoever_is_bound_to_areas_sees_what_is_there_now(city):
    everything = items(city, "vehicles")
    code = Counter((feature["properties"]["area_code"] or "")[:9] for feature in everything.values()).most_common(1)[0][
        0
    ]
    ACTORS["here"] = Actor("here", clearance=3, area_prefixes=(code,))
    mine = {one for one, feature in everything.items() if (feature["properties"]["area_code"] or "").startswith(code)}
    assert items(city, "vehicles", actor="here").keys() == mine
    assert city.ask(f"collections/vehicles/items/{min(everything.keys() - mine)}", actor="here").status_code == 404


@pytest.mark.parametrize(
    ("layer", "asked"),
    [
        ("vehicles", {"sortby": "-speed_kmh", "limit": 7}),
        ("vehicles", {"bbox": "113.32,23.12,113.38,23.15", "limit": 50}),
        ("vehicles", {"filter": "speed_kmh > 20 AND position_is_stale = TRUE"}),
        ("grids", {"sortby": "-events_open", "limit": 5}),
        ("grids", {"filter": "events_open + events_today > 1", "resulttype": "hits"}),
        ("water_level_stations", {"alarm": "normal"}),
        ("video_points", {"filter": "online_status IN ('offline','fault')", "sortby": "status_since", "limit": 9}),
        ("rain_gauges", {"properties": "rain_mm,rain_24h_mm", "crs": "EPSG:4547"}),
    ],
)
def test_pygeoapi_answers_the_same(city, layer, asked):
    parameters = {key.replace("-", "__"): value for key, value in asked.items()}
    if "crs" in parameters:
        parameters["crs"] = "http://www.opengis.net/def/crs/EPSG/0/4547"
    fast, slow = (city.json(f"collections/{layer}/items", slow=slow, **parameters) for slow in (False, True))
    for document in (fast, slow):
        document.pop("timeStamp")
    assert fast == slow


def test_live_fields_are_described_and_exported(city):
    members = city.json("collections/water_level_stations/queryables")["properties"]
    assert {"level_m", "trend", "alarm", "is_stale"} <= members.keys()
    assert members["level_m"]["x-ogc-unit"] == "m"
    table = city.ask("collections/grids/items", f="csv", limit=3).text
    assert "events_open" in table.splitlines()[0]
    assert city.json("collections/vehicles/items", f="jsonfg", limit=1)["features"][0]["properties"]["position_at"]
    page_ = city.ask("collections/water_level_stations/items", f="html", headers={"accept": "text/html"})
    assert page_.status_code == 200
    assert "水位警情" in page_.text


def plan(city, clause):
    async def explain():
        connection = await connect(city.url, Role.READ)
        try:
            text, values = clause.render()
            return "\n".join(row[0] for row in await connection.fetch("EXPLAIN " + text, *values))
        finally:
            await connection.close()

    return run_async(explain())


def layer_of(city, name):
    async def read():
        connection = await connect(city.url)
        try:
            return (await read_catalog(connection))[name]
        finally:
            await connection.close()

    return run_async(read())


def test_what_is_not_asked_for_is_not_computed(city):
    cameras, grids = layer_of(city, "video_points"), layer_of(city, "grids")
    box = compile_bbox(
        parse_bbox("113.33,23.13,113.34,23.14", CRS84), queryables_of(cameras.definition, OPERATOR)["geom"]
    )
    found = plan(city, page(ItemsQuery(cameras, OPERATOR, where=box, limit=10)))
    assert "video_points_geom_idx" in found
    inner = found[found.index("video_points_geom_idx") - 400 :].split("Limit")[0]
    assert "observation_now" not in inner
    assert "video_points_pkey" in plan(city, single(cameras, OPERATOR, "x", CRS84))
    counted_ = plan(city, page(ItemsQuery(grids, OPERATOR, properties=("grid_code",), limit=10)))
    assert "events" not in counted_


def test_counts_read_the_index_of_their_area(city):
    grids = layer_of(city, "grids")
    asyncio.run(_many_events(city.url))
    found = plan(city, page(ItemsQuery(grids, OPERATOR, where=Clause("f.events_open > 1"), limit=10)))
    assert "events_open_grid_idx" in found
    asyncio.run(_forget_events(city.url))


async def _many_events(url):
    connection = await connect(url)
    await connection.execute(
        """INSERT INTO layer.events (id, source, stage, grid_code, occurred_at, closed_at)
        SELECT 'many' || i, 'hotline', CASE i % 10 WHEN 0 THEN 'handle' ELSE 'closed' END,
            '440106' || lpad((i % 3000)::text, 9, '0'), now() - i * interval '1 minute',
            CASE i % 10 WHEN 0 THEN NULL ELSE now() END
        FROM generate_series(1, 20000) AS i"""
    )
    await connection.execute("ANALYZE layer.events")
    await connection.close()


async def _forget_events(url):
    connection = await connect(url)
    await connection.execute("DELETE FROM layer.events WHERE id LIKE 'many%'")
    await connection.close()
