"""A snapshot and the changes since: no gap and no repeat, while others write."""

from __future__ import annotations

import asyncio
import random

import orjson
import pytest

from layers.cql2 import FilterLimits
from layers.database.connection import Role, connect
from layers.errors import BadInput, TooMuch
from tests.twin import change_log
from tests.twin.change_log import DEADLINE_SECONDS, GRIDS, OFFICER, WORKER, prepare, tails
from twin.live import snapshot
from twin.live.change_batch import ChangeBatch
from twin.live.subscriber import LiveSource, Subscription
from twin.live.subscription import SubscriptionParams, read_interest
from twin.log.changes import append, tells_itself

pytestmark = pytest.mark.anyio
THINGS, STEPS = 5, 60


async def count_up(url, seed):
    """Count up what vehicles carry, one after the other, each step with its change in one transaction."""
    numbers = random.Random(seed)
    connection = await connect(url)
    for _ in range(STEPS):
        thing = f"v{numbers.randrange(THINGS)}"
        async with connection.transaction():
            await tells_itself(connection)
            now = await connection.fetchval(
                "UPDATE layer.vehicles SET capacity = capacity + 1 WHERE id = $1 RETURNING capacity", thing
            )
            await append(
                connection, [{"kind": "feature", "layer": "vehicles", "id": thing, "grade": 2, "capacity": now}]
            )
    await connection.close()


async def stocked(url):
    await prepare(url)
    owner = await connect(url)
    await owner.execute(
        """INSERT INTO layer.vehicles (id, data_grade, capacity, grid_code, area_code)
        SELECT 'v' || i, 2, 0, $1, left($1, 12) FROM generate_series(0, $2::int - 1) AS i""",
        GRIDS[0],
        THINGS,
    )
    await owner.execute("INSERT INTO layer.vehicles (id, data_grade, capacity) VALUES ('secret', 4, 0)")
    await owner.close()


async def listen(source, interest, until):
    """Take a snapshot, and check that every thing is counted on from there without a gap or a repeat."""
    following = Subscription(source, OFFICER, interest, None, snapshot=True)
    await following.prepare()
    counts = {}
    async for part in following.parts():
        if isinstance(part, ChangeBatch):
            for change in orjson.loads(part.body):
                assert change["capacity"] == counts[change["id"]] + 1
                counts[change["id"]] += 1
        elif part.kind == "snapshot":
            assert part.seq is None
            counts = {f["id"]: f["properties"]["capacity"] for f in orjson.loads(b"[%s]" % part.features)}
        if part.seq is not None and part.seq >= until():
            following.end()
    return counts


async def test_a_snapshot_and_what_follows_fit_together_while_others_write(database_url):
    await stocked(database_url)
    async with tails(database_url) as ((tail,), pool), asyncio.timeout(DEADLINE_SECONDS * 2):
        source = LiveSource(tail, pool, tail._catalog, heartbeat_s=0.2)
        interest = read_interest(tail._catalog(), OFFICER, SubscriptionParams(["vehicles"]), FilterLimits())
        last = {"seq": 2**62}

        async def write():
            await asyncio.gather(*(count_up(database_url, seed) for seed in (1, 2, 3)))
            last["seq"] = await change_log.newest(database_url)

        found = await asyncio.gather(write(), *(listen(source, interest, lambda: last["seq"]) for _ in range(6)))
        owner = await connect(database_url, Role.READ)
        due = dict(await owner.fetch("SELECT id, capacity FROM layer.vehicles WHERE data_grade = 2"))
        await owner.close()
        assert all(counts == due for counts in found[1:])
        assert sum(due.values()) == 3 * STEPS


async def test_a_snapshot_is_of_what_was_asked_for_and_may_be_seen(database_url, monkeypatch):
    await stocked(database_url)
    owner = await connect(database_url)
    await owner.execute(
        """INSERT INTO layer.vehicles (id, data_grade, capacity, grid_code, area_code, geom) VALUES
        ('far', 2, 9, $1, left($1, 12), ST_SetSRID(ST_MakePoint(113.9, 23.1), 4490)),
        ('near', 2, 3, $1, left($1, 12), ST_SetSRID(ST_MakePoint(113.3, 23.1), 4490))""",
        GRIDS[4],
    )
    await owner.close()
    async with tails(database_url) as ((tail,), pool):
        catalog = tail._catalog()

        async def ids(actor, **asked):
            interest = read_interest(catalog, actor, SubscriptionParams(["vehicles"], **asked), FilterLimits())
            taken = await snapshot.take_snapshot(pool, catalog, actor, interest)
            return {feature["id"] for feature in orjson.loads(b"[%s]" % taken.layers["vehicles"])}

        ours = {f"v{i}" for i in range(THINGS)}
        assert await ids(OFFICER) == ours | {"far", "near"}
        assert await ids(WORKER) == ours
        assert await ids(OFFICER, areas=[GRIDS[4]]) == {"far", "near"}
        assert await ids(OFFICER, areas=[GRIDS[4][:12], GRIDS[0]]) == ours | {"far", "near"}
        assert await ids(OFFICER, bbox=(113.2, 23.0, 113.4, 23.2)) == {"near"}
        assert await ids(OFFICER, filter="capacity > 5") == {"far"}
        everything = read_interest(catalog, OFFICER, SubscriptionParams(), FilterLimits())
        with pytest.raises(BadInput, match="name them"):
            await snapshot.take_snapshot(pool, catalog, OFFICER, everything)
        monkeypatch.setattr(snapshot, "FEATURES_MAX", 3)
        with pytest.raises(TooMuch, match="more than 3"):
            await ids(OFFICER)
