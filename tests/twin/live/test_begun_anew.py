"""A stream that begins anew: every snapshot is judged before it is sent, and until it is there no number moves on."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from layers.cql2 import FilterLimits
from layers.database.connection import Role, connect
from layers.errors import Forbidden
from server.live.frames import as_event
from tests.twin.change_log import DEADLINE_SECONDS, OFFICER, happened, prepare, tails, write
from twin.live.resume_point import ResumePoint
from twin.live.subscriber import LiveSource, Subscription
from twin.live.subscription import SubscriptionParams, read_interest
from twin.log.changes import forget

pytestmark = pytest.mark.anyio
OTHERS = ResumePoint(0, "0" * 16)
UNKNOWN = ResumePoint(1_000)


class Judge:
    """Lets some snapshots pass, and remembers them."""

    def __init__(self, *, passing=True) -> None:
        self.passing, self.asked = passing, []

    async def __call__(self, features, *, is_later) -> None:
        self.asked.append((dict(features), is_later))
        if not self.passing:
            raise Forbidden("too much")


@asynccontextmanager
async def sources(url):
    """A source over a log of two changes, that is not read."""
    await prepare(url)
    await write(url, happened("e1"))
    await write(url, happened("e2"))
    async with tails(url) as ((tail,), pool), asyncio.timeout(DEADLINE_SECONDS):
        yield LiveSource(tail, pool, tail._catalog, heartbeat_s=0.05)


def subscription(source, since, judge, *, snapshot=True):
    interest = read_interest(source.catalog(), OFFICER, SubscriptionParams(["events"]), FilterLimits())
    return Subscription(source, OFFICER, interest, since, snapshot=snapshot, judge=judge)


async def told(following, last):
    """Return the notices up to one of a kind."""
    found = []
    async for part in following.parts():
        found.append(part)
        if getattr(part, "kind", "") == last:
            following.end()
    return found


async def drop_first(url):
    connection = await connect(url, Role.INGEST)
    assert await forget(connection, timedelta(0)) == 1
    await connection.close()


async def test_a_snapshot_is_judged_before_the_stream_whatever_number_it_begins_with(database_url):
    async with sources(database_url) as source:
        for since in (None, OTHERS, UNKNOWN):
            judge = Judge(passing=False)
            with pytest.raises(Forbidden):
                await subscription(source, since, judge).prepare()
            assert judge.asked == [({"events": 0}, False)]
            await subscription(source, since, judge, snapshot=False).prepare()
        goes_on = subscription(source, ResumePoint(1), Judge(passing=False))
        await goes_on.prepare()
        assert [part.seq for part in await told(goes_on, "ready")][:1] == [1], "no snapshot, and nothing to judge"
        await drop_first(database_url)
        with pytest.raises(Forbidden):
            await subscription(source, ResumePoint(0), Judge(passing=False)).prepare()


@pytest.mark.parametrize("passing", [True, False])
async def test_a_snapshot_within_a_stream_is_judged_as_an_answer_of_its_own(database_url, passing):
    async with sources(database_url) as source:
        judge = Judge(passing=passing)
        following = subscription(source, ResumePoint(0), judge)
        await following.prepare()
        assert judge.asked == []
        await drop_first(database_url)
        parts = await told(following, "ready" if passing else "")
        assert judge.asked == [({"events": 0}, True)]
        kinds = [part.kind for part in parts[:3]]
        if passing:
            assert kinds == ["resync", "snapshot", "ready"]
        else:
            assert kinds == ["resync", "resync"]
            assert parts[1].is_end
            assert parts[1].detail == "too much"


@pytest.mark.parametrize("since", [OTHERS, UNKNOWN])
async def test_who_is_cut_before_the_snapshot_has_come_begins_with_it_again(database_url, since):
    async with sources(database_url) as source:
        following = subscription(source, since, Judge())
        await following.prepare()
        resync, state, ready = await told(following, "ready")
        assert (resync.kind, state.kind) == ("resync", "snapshot")
        assert not any(b"id:" in as_event(part) for part in (resync, state))
        assert b"id: %d-" % ready.seq in as_event(ready)
        alone, *_ = await told(subscription(source, since, None, snapshot=False), "resync")
        assert alone.seq == 2, "who reads the state himself goes on from here"
