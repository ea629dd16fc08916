from __future__ import annotations

import asyncio

import pytest

from layers.catalog import read_catalog
from layers.database.connection import Role, create_pool
from tests.databases import count_rows
from tests.twin.intake.test_pipeline import Squares, event, observation, position
from twin.intake.pipeline import Pipeline
from twin.intake.queue import BATCH_MAX, FEED_WAITING_MAX, PRESSED, Crowded, Queue, Waiting
from twin.store.batch import Offer

pytestmark = pytest.mark.anyio


def offered(feed, number):
    return Waiting(Offer(feed, [position(f"{feed}-{n}", 0) for n in range(number)]), asyncio.Future(), 0.0)


async def test_a_flood_of_one_feed_lets_every_other_have_its_turn():
    queue = Queue()
    flood = [offered("flood", 1000) for _ in range(8)]
    for waiting in flood:
        queue.add(waiting)
    quiet = [offered(f"quiet {n}", 5) for n in range(3)]
    for waiting in quiet:
        queue.add(waiting)
    batch, thin = queue.gather()
    assert all(waiting in batch for waiting in quiet)
    assert not thin
    assert sum(map(len, batch)) <= BATCH_MAX
    assert [waiting for waiting in batch if waiting in flood] == flood[:3], "in the order they came"


async def test_a_full_queue_keeps_out_who_filled_it_and_nobody_else():
    queue = Queue()
    while queue.size + 1000 <= FEED_WAITING_MAX:
        queue.add(offered("flood", 1000))
    with pytest.raises(Crowded, match=f"{FEED_WAITING_MAX} of them from 'flood'"):
        queue.add(offered("flood", 1))
    queue.add(offered("quiet", 1000))
    queue.add(offered("another", 9001))
    with pytest.raises(Crowded):
        queue.add(offered("quiet", 1))
    queue.add(offered("first of its own", 1))


async def test_what_was_put_back_comes_first_and_what_nobody_waits_for_is_passed_over():
    queue = Queue()
    first, second, gone = (offered("feed", 10) for _ in range(3))
    for waiting in (first, gone, second):
        queue.add(waiting)
    gone.done.cancel()
    batch, _ = queue.gather()
    assert batch == [first, second]
    assert (queue.size, queue.filled.is_set()) == (0, False)
    queue.add(third := offered("feed", 10))
    queue.put_back(batch)
    assert queue.gather()[0] == [first, second, third]
    queue.add(fourth := offered("feed", 10))
    assert queue.clear() == [fourth]
    assert (queue.size, queue.filled.is_set()) == (0, False)


async def test_an_offer_larger_than_a_batch_is_a_batch():
    queue = Queue()
    queue.add(large := offered("feed", BATCH_MAX + 1))
    queue.add(small := offered("feed", 1))
    assert queue.gather()[0] == [large]
    assert queue.gather()[0] == [small]


async def test_under_pressure_positions_are_thinned_and_counted_and_nothing_else_is(database_url, connection):
    """Of each vehicle the newest is written; every observation and event is; the rest is counted."""
    catalog = await read_catalog(connection)
    rounds, vehicles = PRESSED // 1000 + 2, 990
    async with await create_pool(database_url, Role.INGEST, size=2) as pool:
        pipeline = Pipeline(pool, lambda: catalog, Squares)
        offers = [
            [
                *(position(f"v{n}", second, 113.3 + second / 1000) for n in range(vehicles)),
                *(observation(f"g{n}", second, float(second)) for n in range(8)),
                event("e1", second, second + 1, "handle", title=str(second)),
                event(f"e{second + 2}", second, 1, "collect"),
            ]
            for second in range(rounds)
        ]
        waiting = [asyncio.create_task(pipeline.offer("test", offer)) for offer in offers]
        await asyncio.sleep(0)  # all of them wait before the first is written
        assert pipeline.waiting > PRESSED
        pipeline.start()
        outcomes = await asyncio.gather(*waiting)
        await pipeline.stop()
    assert sum(outcome.accepted for outcome in outcomes) == rounds * 1000
    counted = dict(await connection.fetchrow("SELECT accepted, coalesced FROM twin.feed WHERE name = 'test'"))
    kept = await count_rows(connection, "twin.position")
    assert counted["accepted"] == rounds * 1000
    assert counted["coalesced"] > 0
    assert kept + counted["coalesced"] == rounds * vehicles
    assert await count_rows(connection, "twin.observation") == rounds * 8
    assert await count_rows(connection, "twin.event_version") == rounds * 2
    newest = await connection.fetch("SELECT DISTINCT lon FROM twin.position_now")
    assert [row[0] for row in newest] == pytest.approx([113.3 + (rounds - 1) / 1000])


@pytest.fixture
def database_url(layers_url):
    return layers_url


@pytest.fixture
async def connection(database_url):
    async with await create_pool(database_url, Role.OWNER, size=1) as pool, pool.acquire() as connection:
        yield connection
