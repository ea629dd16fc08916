from __future__ import annotations

import asyncio
import itertools
import random
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import asyncpg
import numpy as np
import orjson
import pytest

from layers.catalog import read_catalog
from layers.clause import compose
from layers.database.connection import Role, connect, create_pool
from layers.moment import Moment
from layers.read.past import Past
from tests.databases import count_rows
from tests.twin.waiting import until
from twin.envelope.message import Message
from twin.intake.pipeline import WAITING_MAX, Crowded, Pipeline
from twin.log.changes import frames_since

pytestmark = pytest.mark.anyio
NOON = datetime(2026, 6, 8, 4, tzinfo=UTC)


class Squares:
    """A join over squares of a hundredth of a degree: the code of a place is its column and row."""

    def locate(self, lonlat):
        found = [None if np.isnan(x) else f"{int(x * 100)}-{int(y * 100)}" for x, y in lonlat]
        areas = [None if code is None else code[:5] for code in found]
        nothing = [() for _ in found], [None for _ in found]
        return SimpleNamespace(grid_code=found, area_code=areas, urban_village_ids=nothing[0], waterway_id=nothing[1])

    def areas_of(self, lonlat):
        found = self.locate(lonlat)
        return found.grid_code, found.area_code

    def device_area(self, layer, device_id):
        return f"{layer}/{device_id}", "110"


def message(kind, identifier, seconds=0, *, version=0, mode="actual", lon=None, lat=None, **said):
    fixed = {name: said.pop(name, None) for name in ("property_code", "value", "speed_kmh", "heading_deg", "stage")}
    layer = {"position": "vehicles", "observation": "rain_gauges", "event": "events"}[kind]
    return Message(
        kind=kind,
        source="/feeds/test",
        id=said.pop("message_id", f"{identifier}-{seconds}-{version}"),
        version=version,
        type="test",
        layer=layer,
        feature_id=identifier,
        phenomenon_time=NOON + timedelta(seconds=seconds),
        sent_time=None,
        mode=mode,
        suspect=False,
        lon=lon,
        lat=lat,
        value_text=None,
        unit=None,
        quality=None,
        data={**said, **({"stage": fixed["stage"]} if fixed["stage"] else {})},
        **fixed,
    )


def position(identifier, seconds, lon=113.3, lat=23.1):
    return message("position", identifier, seconds, lon=lon, lat=lat, speed_kmh=30.0, heading_deg=90.0)


def observation(identifier, seconds, value):
    return message("observation", identifier, seconds, property_code="rain_mm", value=value)


def corrected(value, *, version=1, sent=None, text=None):
    """One measurement of noon in one of its revisions."""
    sent_time = None if sent is None else NOON + timedelta(seconds=sent)
    name = f"{version}-{sent}-{value}-{text}"
    made = message("observation", "g1", version=version, property_code="rain_mm", value=value, message_id=name)
    return made._replace(sent_time=sent_time, value_text=text)


def event(identifier, seconds, version, stage, **said):
    return message("event", identifier, seconds, version=version, stage=stage, source="hotline", **said)


@pytest.fixture
def database_url(layers_url):
    return layers_url


@pytest.fixture
async def owner(database_url):
    connection = await connect(database_url)
    yield connection
    await connection.close()


@pytest.fixture
async def pipeline(database_url, owner):
    pool = await create_pool(database_url, Role.INGEST, size=2)
    catalog = await read_catalog(owner)
    pipeline = Pipeline(pool, lambda: catalog, Squares)
    pipeline.start()
    yield pipeline
    await pipeline.stop()
    await pool.close()


async def state(owner):
    """Return what the twin says now, and how much history there is."""
    positions = await owner.fetch("SELECT id, phenomenon_time, lon, lat, grid_code FROM twin.position_now ORDER BY id")
    values = await owner.fetch("SELECT id, property, phenomenon_time, value FROM twin.observation_now ORDER BY id")
    happened = await owner.fetch(
        "SELECT id, stage, title, occurred_at, closed_at, grid_code, ST_AsText(geom) FROM layer.events ORDER BY id"
    )
    history = await owner.fetchrow(
        "SELECT (SELECT count(*) FROM twin.position), (SELECT count(*) FROM twin.observation), "
        "(SELECT count(*) FROM twin.event_version)"
    )
    return [list(map(tuple, rows)) for rows in (positions, values, happened)], tuple(history)


STORY = [
    position("v1", 0, 113.30),
    position("v1", 10, 113.31),
    position("v1", 10.5, 113.32),
    position("v2", 5, 113.4),
    observation("g1", 0, 1.5),
    observation("g1", 60, 2.5),
    event("e1", 0, 1, "collect", title="道路积水", occurred_at="2026-06-08T04:00:00Z", lon=113.33, lat=23.14),
    event("e1", 300, 2, "handle"),
    event("e1", 2400, 3, "closed", closed_at="2026-06-08T04:40:00Z"),
]


async def test_what_was_acknowledged_is_there(pipeline, owner):
    outcome = await pipeline.offer("test", STORY)
    assert (outcome.accepted, outcome.duplicate) == (len(STORY), 0)
    (positions, values, happened), history = await state(owner)
    assert [(row[0], row[2], row[4]) for row in positions] == [
        ("v1", 113.32, "11332-2310"),
        ("v2", 113.4, "11340-2310"),
    ]
    assert values == [("g1", "rain_mm", NOON + timedelta(seconds=60), 2.5)]
    assert happened[0][:3] == ("e1", "closed", "道路积水")
    assert happened[0][3:] == (NOON, NOON + timedelta(minutes=40), "11333-2314", "POINT(113.33 23.14)")
    assert history == (4, 2, 3)


@pytest.mark.parametrize("seed", range(6))
async def test_order_and_repetition_never_change_the_final_state(pipeline, owner, seed):
    numbers = random.Random(seed)
    sent = [*STORY, *numbers.choices(STORY, k=6)]
    numbers.shuffle(sent)
    cuts = sorted(numbers.sample(range(len(sent)), 3))
    parts = [sent[a:b] for a, b in itertools.pairwise([0, *cuts, len(sent)])]
    outcomes = [await pipeline.offer("test", part) for part in parts]
    assert sum(outcome.accepted for outcome in outcomes) == len(STORY)
    assert sum(outcome.duplicate for outcome in outcomes) == 6
    shuffled = await state(owner)
    await owner.execute(
        "TRUNCATE twin.receipt, twin.position, twin.position_now, twin.observation, twin.observation_now, "
        "twin.event_version, layer.events"
    )
    await pipeline.offer("test", STORY)
    assert await state(owner) == shuffled


REVISIONS = [
    corrected(9.0),
    corrected(8.0, sent=10),
    corrected(7.0, sent=20),
    corrected(None, sent=20),
    corrected(6.0, version=2),
    corrected(5.0, version=2, sent=5),
    corrected(None, version=3, text="flooded"),
]


@pytest.mark.parametrize("newest", range(1, len(REVISIONS) + 1))
async def test_the_newest_revision_is_the_state_in_every_order_of_arrival(pipeline, owner, newest):
    """The version first, then the time sent, then the value; the past says the same as the state."""
    wins = REVISIONS[2] if newest == 4 else REVISIONS[newest - 1]
    numbers = random.Random(newest)
    observed = Past(Moment(NOON, "phenomenon")).observed("rain_mm", "o")
    statement, values = compose("SELECT o.value, o.value_text FROM (SELECT 'g1' AS id) AS t {}", observed).render()
    for _ in range(12):
        sent = numbers.sample(REVISIONS[:newest], newest)
        cut = numbers.randrange(newest)
        for part in (sent[:cut], sent[cut:]):
            await pipeline.offer("test", part)
        now = await owner.fetchrow("SELECT value, value_text FROM twin.observation_now")
        then = await owner.fetchrow(statement, *values)
        assert tuple(now) == tuple(then) == (wins.value, wins.value_text), sent
        assert await count_rows(owner, "twin.observation") == newest
        await owner.execute("TRUNCATE twin.receipt, twin.observation, twin.observation_now")


async def test_an_older_position_goes_to_history_only_and_counts_as_late(pipeline, owner):
    await pipeline.offer("test", [position("v1", 10)])
    assert (await pipeline.offer("test", [position("v1", 5)])).late == 1
    (positions, _, _), history = await state(owner)
    assert positions[0][1] == NOON + timedelta(seconds=10)
    assert history[0] == 2
    counters = await owner.fetchrow("SELECT received, accepted, duplicate, late FROM twin.feed WHERE name = 'test'")
    assert tuple(counters) == (2, 2, 0, 1)


async def test_an_exercise_never_paints_the_live_map(pipeline, owner):
    await pipeline.offer("test", [message("event", "drill", 0, mode="exercise", stage="collect", lon=113.3, lat=23.1)])
    assert (await state(owner))[0][2] == []
    assert await frames_since(owner, 0) == []


async def test_the_log_tells_every_change_of_state_once(pipeline, owner):
    for seconds in range(5):
        await pipeline.offer("test", [position("v1", seconds, 113.3 + seconds / 100), observation("g1", seconds, 1.0)])
    changes = [change for frame in await frames_since(owner, 0) for _, change in frame.changes()]
    moved = [change["lon"] for change in changes if change["kind"] == "position"]
    assert moved == pytest.approx([113.3, 113.31, 113.32, 113.33, 113.34])
    assert len(changes) == 10


async def test_titles_are_redacted_before_anything_is_stored_or_told(pipeline, owner):
    """Streams and outlets read the log, whose title is the redacted one; only `description` has what was written."""
    said = "市民李四反映天河路123号5栋601房漏水，微信lisi_88"
    redacted = "市民某反映天河路123号5栋[房号]漏水，微信[微信号]"
    await pipeline.offer("test", [event("e1", 0, 1, "collect", title=said, description=said, lon=113.33, lat=23.14)])
    stored = await owner.fetchrow("SELECT title, description, description_redacted FROM layer.events")
    assert tuple(stored) == (redacted, said, redacted)
    (told,) = orjson.loads(await owner.fetchval("SELECT changes FROM twin.change"))
    assert told["title"] == redacted
    assert said not in [value for name, value in told.items() if name != "description"]


async def test_offers_made_at_once_share_transactions_and_each_learns_its_own(pipeline, owner):
    offers = [[position(f"v{n}", 0), *([position("twice", 0)] if n < 2 else [])] for n in range(50)]
    outcomes = await asyncio.gather(*(pipeline.offer("test", offer) for offer in offers))
    assert [outcome.accepted for outcome in outcomes] == [2, 1] + [1] * 48
    assert outcomes[1].duplicate == 1
    assert len(await frames_since(owner, 0)) < 50


async def test_a_batch_that_is_held_up_holds_up_the_next_one_for_a_moment_only(pipeline, owner):
    await pipeline.offer("test", [position("v1", 0)])
    async with owner.transaction():
        await owner.execute("SELECT FROM twin.position_now FOR UPDATE")
        held = asyncio.create_task(pipeline.offer("test", [position("v1", 10)]))

        async def is_held() -> bool:
            return await owner.fetchval(
                "SELECT EXISTS (SELECT FROM pg_locks WHERE pg_backend_pid() = ANY (pg_blocking_pids(pid)))"
            )

        await until(is_held)
        assert (await pipeline.offer("another", [observation("g1", 0, 1.5)])).accepted == 1
        assert not held.done()
    assert (await held).accepted == 1


async def test_a_connection_cut_at_any_moment_loses_nothing_and_doubles_nothing(pipeline, owner):
    killer = await connect(str(pipeline._pool._connect_args[0]), role=None)

    async def cut():
        while not done.is_set():
            await killer.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
                "AND pid <> pg_backend_pid() AND state = 'active' AND query LIKE '%twin.%'"
            )
            await asyncio.sleep(0.003)

    done = asyncio.Event()
    cutting = asyncio.create_task(cut())
    outcomes = [await pipeline.offer("test", [position(f"v{n}", s) for s in range(20)]) for n in range(10)]
    done.set()
    await cutting
    await killer.close()
    assert all(outcome.accepted + outcome.duplicate == 20 for outcome in outcomes)
    assert (await state(owner))[1][0] == 200
    changed = [c["id"] for frame in await frames_since(owner, 0) for _, c in frame.changes()]
    assert sorted(changed) == sorted(f"v{n}" for n in range(10))


async def test_one_offer_the_database_refuses_spoils_no_other(pipeline, owner):
    bad = [event("bad", 0, 1, "collect", occurred_at="no time at all")]
    good = [position("v1", 0)]
    answers = await asyncio.gather(*(pipeline.offer("test", offer) for offer in (bad, good)), return_exceptions=True)
    assert isinstance(answers[0], asyncpg.DataError)
    assert answers[1].accepted == 1


@pytest.mark.parametrize("state_", ["XX000", "XX001", "XX002", "53100", "58030"])
async def test_what_is_no_fault_of_the_messages_is_tried_again_and_holds_up_no_other(pipeline, owner, state_):
    """Damage, a full disk and faults of PostgreSQL itself pass, or are mended; nothing is refused for them."""
    await owner.execute(
        f"""CREATE FUNCTION twin.broken() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            IF new.event_id = 'hit' THEN RAISE EXCEPTION 'as if damaged' USING ERRCODE = '{state_}'; END IF;
            RETURN new; END $$;
        CREATE TRIGGER broken BEFORE INSERT ON twin.event_version FOR EACH ROW EXECUTE FUNCTION twin.broken()"""
    )
    hit = asyncio.create_task(pipeline.offer("test", [event("hit", 0, 1, "collect")]))
    if state_ != "53100":  # a full disk is everybody's
        assert (await pipeline.offer("test", [event("another", 0, 1, "collect")])).accepted == 1
    assert not hit.done()
    await owner.execute("DROP FUNCTION twin.broken() CASCADE")
    assert (await hit).accepted == 1


async def test_too_much_waiting_is_told_at_once(database_url, owner):
    catalog = await read_catalog(owner)
    async with await create_pool(database_url, Role.INGEST, size=1) as pool:
        pipeline = Pipeline(pool, lambda: catalog, Squares)  # not started: nothing is taken from the queue
        first = asyncio.create_task(pipeline.offer("test", [position(f"v{n}", 0) for n in range(WAITING_MAX)]))
        await asyncio.sleep(0)
        with pytest.raises(Crowded, match="send again"):
            await pipeline.offer("test", [position("one more", 0)])
        await pipeline.stop()
        with pytest.raises(Exception, match="stopping"):
            await first


async def test_a_clock_that_runs_ahead_never_wins_for_ever_and_is_marked(pipeline, owner):
    ahead = position("v1", 0, 113.9)._replace(phenomenon_time=datetime.now(UTC) + timedelta(days=9), suspect=True)
    for _ in range(2):
        await pipeline.offer("test", [ahead])
    row = await owner.fetchrow("SELECT phenomenon_time, claimed_time FROM twin.position")
    assert row["claimed_time"] == ahead.phenomenon_time
    assert row["phenomenon_time"] <= datetime.now(UTC)
    now = position("v1", 0, 113.2)._replace(phenomenon_time=datetime.now(UTC) + timedelta(seconds=1), id="now")
    await pipeline.offer("test", [now])
    assert (await state(owner))[0][0][0][2] == 113.2
    counters = await owner.fetchrow("SELECT accepted, duplicate, suspect FROM twin.feed WHERE name = 'test'")
    assert tuple(counters) == (2, 1, 2)


async def test_an_observation_lies_where_its_device_stands(pipeline, owner):
    await pipeline.offer("test", [observation("g1", 0, 1.5)])
    assert await owner.fetchval("SELECT grid_code FROM twin.observation") == "rain_gauges/g1"
    (change,) = [change for frame in await frames_since(owner, 0) for _, change in frame.changes()]
    assert (change["grid_code"], change["area_code"]) == ("rain_gauges/g1", "110")
