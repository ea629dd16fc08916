"""The law of streams: a client that is cut and resumes gets each event once, in order, and the last of each thing."""

from __future__ import annotations

import asyncio
import random

import orjson
import pytest

from layers.cql2 import FilterLimits
from layers.database.connection import connect
from tests.twin.change_log import (
    COMMANDER,
    DEADLINE_SECONDS,
    GRIDS,
    OFFICER,
    WORKER,
    Heard,
    happened,
    held_of,
    moved,
    newest,
    prepare,
    tails,
    write,
    write_many,
    written,
)
from tests.twin.waiting import until
from twin.live import catch_up, flusher
from twin.live import tail as tail_module
from twin.live.channel import BATCHES_MAX
from twin.live.interest import Interest, lies_in
from twin.live.subscription import SubscriptionParams, read_interest
from twin.log.changes import Forgotten

pytestmark = pytest.mark.anyio
BOX = (113.29, 23.0, 113.35, 23.2)
CASES = {
    "everything": (COMMANDER, SubscriptionParams(), lambda _: True),
    "public": (OFFICER, SubscriptionParams(), lambda c: c["grade"] <= 2),
    "one grid's worker": (WORKER, SubscriptionParams(), lambda c: c["grade"] <= 3 and c["grid_code"] == GRIDS[0]),
    "areas": (
        OFFICER,
        SubscriptionParams(areas=[GRIDS[1], GRIDS[3][:12]]),
        lambda c: lies_in(c, [GRIDS[1], GRIDS[3][:12]]),
    ),
    "layers": (OFFICER, SubscriptionParams(layers=["vehicles"]), lambda c: c["layer"] == "vehicles"),
    "bbox": (OFFICER, SubscriptionParams(bbox=BOX), lambda c: c["lon"] <= BOX[2]),
    "filter": (
        OFFICER,
        SubscriptionParams(["events"], filter="stage = 'accept'"),
        lambda c: c.get("stage") == "accept",
    ),
}


async def follow(running, pool, actor, interest, until, heard, seed):
    """Listen at one process after the other, cut at random, until a number."""
    numbers, seq = random.Random(seed), 0
    while seq < until():
        tail = numbers.choice(running)
        watcher = tail.watch(interest, actor, seq)
        for _ in range(numbers.randint(1, 6)):
            batch = await tail.take(watcher, pool, 0.2)
            if batch is not None:
                heard.add(orjson.loads(batch.body))
                assert batch.seq > seq
            seq = watcher.seq
            if numbers.random() < 0.2:
                break  # the connection is cut
        tail.leave(watcher)


async def test_cut_at_random_and_resumed_anywhere_everybody_hears_each_change_once_and_in_order(database_url):
    await prepare(database_url)
    async with tails(database_url, 2) as (running, pool), asyncio.timeout(DEADLINE_SECONDS * 2):
        states = {}
        writers = asyncio.gather(*(write_many(database_url, seed, 40, states) for seed in (1, 2, 3)))
        last = {"seq": 2**62}

        async def finish():
            await writers
            last["seq"] = await newest(database_url)

        heard = {name: Heard() for name in CASES}
        catalog = running[0]._catalog()
        followers = [
            follow(
                running,
                pool,
                actor,
                read_interest(catalog, actor, asked, FilterLimits()),
                lambda: last["seq"],
                heard[name],
                seed,
            )
            for seed, (name, (actor, asked, _)) in enumerate(CASES.items())
        ]
        await asyncio.gather(finish(), *followers)
    log = [change for _, change in await written(database_url)]
    for name, (actor, _, wanted) in CASES.items():
        held = held_of(log, lambda c: wanted(c) and may_see(actor, c), lambda c: may_see(actor, c))  # noqa: B023
        assert heard[name] == held, name
        assert any(wanted(change) and may_see(actor, change) for change in log), name


def may_see(actor, change):
    return change["grade"] <= actor.clearance and (not actor.area_prefixes or lies_in(change, actor.area_prefixes))


async def test_those_who_ask_alike_share_one_channel_and_its_bytes(database_url):
    await prepare(database_url)
    async with tails(database_url) as ((tail,), pool), asyncio.timeout(DEADLINE_SECONDS):
        watchers = [tail.watch(Interest(areas=(GRIDS[0],)), OFFICER) for _ in range(5)]
        for watcher in watchers:
            assert await tail.take(watcher, pool, 0) is None
        await write(database_url, happened("e1"))
        batches = {id(await tail.take(watcher, pool, 30)) for watcher in watchers}
        assert len(batches) == 1
        for watcher in watchers:
            tail.leave(watcher)
            tail.leave(watcher)
        assert tail.watching == 0
        assert not tail._channels


async def test_a_slow_one_costs_little_holds_nobody_up_and_catches_up(database_url, monkeypatch):
    monkeypatch.setattr(flusher, "FRAME_SECONDS", 0.0)
    await prepare(database_url)
    async with tails(database_url) as ((tail,), pool), asyncio.timeout(DEADLINE_SECONDS):
        slow, quick = tail.watch(Interest(), OFFICER), tail.watch(Interest(), OFFICER)
        assert await tail.take(slow, pool, 0) is None
        frames, heard = BATCHES_MAX * 3, Heard()
        for number in range(frames):
            await write(database_url, happened(f"e{number}"), moved("v1", number))
            while quick.seq < tail.seq or tail.seq < 2 * (number + 1):
                if batch := await tail.take(quick, pool, 0.1):
                    heard.add(orjson.loads(batch.body))
        assert slow.behind
        assert slow.waiting == 0
        late = Heard()
        while slow.seq < tail.seq:
            if batch := await tail.take(slow, pool, 0.1):
                late.add(orjson.loads(batch.body))
        assert late == heard
        assert len(heard.events) == frames
        assert not slow.behind


async def test_one_that_is_too_far_behind_must_start_again(database_url, monkeypatch):
    monkeypatch.setattr(catch_up, "BEHIND_MAX", 3)
    await prepare(database_url)
    async with tails(database_url) as ((tail,), pool), asyncio.timeout(DEADLINE_SECONDS):
        watcher = tail.watch(Interest(), OFFICER, 0)
        await write(database_url, *(happened(f"e{number}") for number in range(5)))
        other = tail.watch(Interest(), OFFICER)
        while tail.seq < 5:
            await tail.take(other, pool, 0.1)
        with pytest.raises(Forgotten, match="5 changes have been missed"):
            await tail.take(watcher, pool, 0)


async def test_while_nobody_watches_nothing_is_read_and_who_comes_later_hears_all(database_url, monkeypatch):
    await prepare(database_url)
    async with tails(database_url) as ((tail,), pool), asyncio.timeout(DEADLINE_SECONDS):
        monkeypatch.setattr(tail_module.LogTail, "_take_in", None)  # who takes in a frame, fails
        seq = await write(database_url, *(happened(f"e{number}") for number in range(5)))
        await until(lambda: tail.seq == seq)
        monkeypatch.undo()
        late, heard = tail.watch(Interest(), OFFICER, seq - 3), []
        while late.seq < seq:
            batch = await tail.take(late, pool, 0.2)
            heard += orjson.loads(batch.body) if batch else []
        assert len(heard) == 3
        seq = await write(database_url, happened("e9"))
        while late.seq < seq:
            batch = await tail.take(late, pool, 0.2)
            heard += orjson.loads(batch.body) if batch else []
        assert [change["id"] for change in heard] == ["e2", "e3", "e4", "e9"]


async def test_a_number_that_another_process_has_shown_is_waited_for_and_one_nobody_has_is_not(database_url):
    await prepare(database_url)
    async with tails(database_url) as ((tail,), pool), asyncio.timeout(DEADLINE_SECONDS):
        seq = await write(database_url, happened("e1"))
        ahead = tail.watch(Interest(), OFFICER, seq)  # this process may not have read it yet
        assert await tail.take(ahead, pool, 0) is None
        unknown = tail.watch(Interest(), OFFICER, seq + 5)
        with pytest.raises(Forgotten, match="knows no"):
            await tail.take(unknown, pool, 0)


async def test_what_a_filter_needs_and_a_change_does_not_say_is_looked_up(database_url):
    await prepare(database_url)
    owner = await connect(database_url)
    await owner.execute(
        """INSERT INTO layer.vehicles (id, data_grade, vehicle_kind, geom)
        VALUES ('v1', 2, 'fire', ST_SetSRID(ST_MakePoint(113.3, 23.1), 4490)), ('v2', 2, 'sweeper', NULL)"""
    )
    await owner.execute(
        """INSERT INTO layer.water_level_stations (id, data_grade, name, geom)
        VALUES ('s1', 2, '东', ST_SetSRID(ST_MakePoint(113.3, 23.1), 4490)),
            ('s2', 2, '西', ST_SetSRID(ST_MakePoint(113.9, 23.1), 4490))"""
    )
    await owner.close()
    async with tails(database_url) as ((tail,), pool), asyncio.timeout(DEADLINE_SECONDS):
        catalog = tail._catalog()
        asked = [
            SubscriptionParams(["vehicles"], filter="vehicle_kind = 'fire' AND speed_kmh > 5"),
            SubscriptionParams(["water_level_stations"], bbox=BOX),
            SubscriptionParams(
                ["water_level_stations"], filter="name = '西' AND property = 'water_level' AND value > 2"
            ),
        ]
        watchers = [tail.watch(read_interest(catalog, OFFICER, one, FilterLimits()), OFFICER) for one in asked]
        late = tail.watch(watchers[0].channel.interest, OFFICER)
        for watcher in watchers:
            assert await tail.take(watcher, pool, 0) is None
        measured = [
            {"kind": "observation", "layer": "water_level_stations", "id": i, "property": "water_level", "value": v}
            for i, v in (("s1", 3.0), ("s2", 1.0), ("s2", 2.5))
        ]
        changes = [moved("v1", 3), moved("v1", 9), moved("v2", 9), *({**m, "grade": 2} for m in measured)]
        await write(database_url, *changes)
        heard = [orjson.loads((await tail.take(w, pool, 30)).body) for w in [*watchers, late]]
        said = [[(c["id"], c.get("value", c.get("speed_kmh"))) for c in one] for one in heard]
        assert said == [[("v1", 9.0)], [("s1", 3.0)], [("s2", 2.5)], [("v1", 9.0)]]


async def test_a_lost_connection_loses_nothing(database_url):
    await prepare(database_url)
    async with tails(database_url) as ((tail,), pool), asyncio.timeout(DEADLINE_SECONDS):
        watcher = tail.watch(Interest(), OFFICER)
        assert await tail.take(watcher, pool, 0) is None
        owner, heard = await connect(database_url), Heard()
        for number in range(4):
            await owner.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
                " AND pid <> pg_backend_pid() AND (query LIKE 'LISTEN%' OR query LIKE '%FROM twin.change%')"
            )
            await write(database_url, happened(f"e{number}"))
        while len(heard.events) < 4:
            if batch := await tail.take(watcher, pool, 1):
                heard.add(orjson.loads(batch.body))
        assert heard.events == [f"e{number}" for number in range(4)]
        await owner.close()


async def test_stopping_lets_everybody_end(database_url):
    await prepare(database_url)
    async with tails(database_url) as ((tail,), pool), asyncio.timeout(DEADLINE_SECONDS):
        watcher = tail.watch(Interest(), OFFICER)
        assert await tail.take(watcher, pool, 0) is None
        waiting = asyncio.create_task(tail.take(watcher, pool, 600))
        tail.hang_up()
        assert await waiting is None
        assert watcher.closed
        assert tail.watch(Interest(), OFFICER).closed


async def test_what_cannot_be_understood_holds_up_nobody(database_url):
    await prepare(database_url)
    async with tails(database_url) as ((tail,), pool), asyncio.timeout(DEADLINE_SECONDS):
        catalog = tail._catalog()
        asked = [
            SubscriptionParams(),
            SubscriptionParams(["events"], filter="due_at < TIMESTAMP('2026-01-01T00:00:00Z') OR title = 'x'"),
        ]
        watchers = [tail.watch(read_interest(catalog, OFFICER, one, FilterLimits()), OFFICER) for one in asked]
        for watcher in watchers:
            assert await tail.take(watcher, pool, 0) is None
        late = [tail.watch(watcher.channel.interest, OFFICER) for watcher in watchers]
        odd = [{"n": 1}, {"kind": "event", "layer": ["?"], "id": 1}, happened("e1", due_at="soon")]
        await write(database_url, *odd, happened("e2", title="x"))
        for watcher in (*watchers, *late):
            heard = orjson.loads((await tail.take(watcher, pool, 30)).body)
            assert [change["id"] for change in heard][-1] == "e2"
