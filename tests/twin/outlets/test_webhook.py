"""Webhooks against a real receiver that fails, is slow, dies and comes back."""

from __future__ import annotations

import asyncio
import json
import random
from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks import Webhook as StandardWebhook

from layers.database.connection import Role, connect
from layers.identity.accounts import add_account
from layers.identity.elevations import acknowledge_elevation, begin_elevation
from layers.identity.labels import IdentityLabels
from layers.identity.logins import find_account
from tests.twin.change_log import GRIDS, due_of, happened, moved, write, write_many, written
from tests.twin.waiting import until
from twin.feeds.secret import write_old
from twin.feeds.signature import SIGNATURE, verify
from twin.log.changes import forget
from twin.outlets.ledger import resume
from twin.outlets.standard import for_receivers
from twin.outlets.webhook import OLD_SIGNATURE

pytestmark = pytest.mark.anyio
SECRET, OLD_SECRET = b"a secret of many bytes", b"the secret before this one"


async def begun(house, *names):
    """Return when outlets have their ledgers: later changes are delivered to them."""
    for name in names:
        await until(lambda name=name: house.ledger(name))


async def test_each_change_comes_once_in_order_whatever_happens_to_the_receiver(house, receiver):
    house.write("centre", kind="webhook", url=receiver.url, batch_max=7, rights={"clearance": 3}, timeout_s=5)
    numbers = random.Random(7)
    async with house.working():
        await begun(house, "centre")
        writers = asyncio.gather(*(write_many(house.url, seed, 25) for seed in (1, 2, 3)))
        for mood in ("failing", "slow", "dead", "well", "failing", "dead"):
            seen = len(receiver.changes())
            if mood == "dead":
                receiver.kill()
                await until(lambda: _fails(house))
                receiver.start()
                receiver.be("well")
            else:
                receiver.be(mood)
            if mood in {"slow", "well"}:
                await until(lambda seen=seen: writers.done() or len(receiver.changes()) > seen + numbers.randint(1, 9))
        await writers
        receiver.be("well")
        due = due_of(await written(house.url), 3)
        await until(lambda: receiver.changes()[-1:] == due[-1:])
        assert receiver.changes() == due
        await until(lambda: _noted(house, due[-1]))  # the ledger moves after the receiver has answered
        ledger = await house.ledger("centre")
        assert ledger.fault is None
        assert ledger.delivered == len(due)


async def _noted(house, seq):
    return (await house.ledger("centre")).seq >= seq


async def _fails(house):
    ledger = await house.ledger("centre")
    return ledger.attempts > 0


async def test_killed_at_any_moment_it_goes_on_and_repeats_are_known_by_their_numbers(house, receiver):
    house.write("centre", kind="webhook", url=receiver.url, batch_max=3)
    async with house.working():
        await begun(house, "centre")
    writers = asyncio.gather(*(write_many(house.url, seed, 10) for seed in (1, 2)))
    receiver.be("slow")
    for _ in range(4):
        seen = len(receiver.requests())
        async with house.working():  # cut off during a request: its outcome is unknown
            await until(lambda seen=seen: len(receiver.requests()) > seen)
    receiver.be("well")
    await writers
    due = due_of(await written(house.url), 2)
    async with house.working():
        await until(lambda: receiver.changes()[-1:] == due[-1:])
    assert receiver.changes() == due
    assert len(receiver.events()) >= len(due)


async def test_what_is_sent_is_cloudevents_signed_and_no_more_than_its_actor_may_see(house, receiver):
    house.secret("hook", SECRET)
    house.secret("hook.old", write_old(datetime.now(UTC) + timedelta(hours=1), OLD_SECRET))
    asked = {"layers": ["events"], "filter": "stage = 'accept'", "rights": {"clearance": 2, "areas": [GRIDS[0]]}}
    house.write("centre", kind="webhook", url=receiver.url, secret="hook", **asked)
    async with house.working():
        await begun(house, "centre")
        said = {"stage": "accept", "title": "积水", "handler_id": "w7", "sent_time": "2026-06-08T04:00:00Z"}
        await write(
            house.url,
            happened("other grid", grid=GRIDS[1], **said),
            happened("secret", grade=3, **said),
            happened("early", stage="collect"),
            moved("v1", 1),
            happened("mine", **said),
        )
        await until(receiver.changes)
    (request,) = receiver.requests()
    (event,) = json.loads(request["body"])
    assert event["id"] == event["sequence"] == "5"
    assert event["type"] == "cn.onemap.event.changed"
    assert event["subject"] == "events/mine"
    assert datetime.fromisoformat(event["time"]).tzinfo is not None
    assert event["data"]["title"] == "积水"
    assert "handler_id" not in event["data"]
    assert request["headers"]["Content-Type"] == "application/cloudevents-batch+json"
    headers, body = request["headers"], request["body"].encode()
    verify(SECRET, "centre", headers, body, now=datetime.now(UTC))
    lower = {name.lower(): value for name, value in headers.items()}
    replaced = headers | {"X-OneMap-Signature": lower[OLD_SIGNATURE]}
    verify(OLD_SECRET, "centre", {k: v for k, v in replaced.items() if k != SIGNATURE}, body, now=datetime.now(UTC))
    for secret in (SECRET, OLD_SECRET):
        assert StandardWebhook(for_receivers(secret)).verify(body, lower) == [event]


async def test_a_dead_one_is_parked_holds_nobody_up_and_goes_on_when_it_is_resumed(house, receiver):
    dead = {"kind": "webhook", "url": "http://127.0.0.1:9/", "retry": {"first_s": 0.01, "park_after_h": 1e-6}}
    house.write("dead", **dead)
    house.write("alive", kind="webhook", url=receiver.url)
    async with house.working():
        await begun(house, "dead", "alive")
        await write(house.url, happened("e1"))
        await until(receiver.changes)
        parked = await until(lambda: _parked(house, "dead"))
        assert parked.seq == 0
        assert "Connect" in parked.fault
        house.write("dead", **{**dead, "url": receiver.url})
        await asyncio.sleep(0)
        connection = await connect(house.url, Role.INGEST)
        assert await resume(connection, "dead") == 0
        await connection.close()
        await until(lambda: len(receiver.events()) == 2)
        assert [event["id"] for event in receiver.events()] == ["1", "1"]


async def _parked(house, name):
    ledger = await house.ledger(name)
    return ledger if ledger.parked_at else None


async def test_one_that_says_it_wants_no_more_is_parked_at_once(house, receiver):
    receiver.be("gone")
    house.write("centre", kind="webhook", url=receiver.url)
    async with house.working():
        await begun(house, "centre")
        await write(house.url, happened("e1"))
        assert "410" in (await until(lambda: _parked(house, "centre"))).fault


async def test_what_was_dropped_from_the_log_unsent_is_told(house, receiver):
    house.write("centre", kind="webhook", url=receiver.url)
    async with house.working():
        await begun(house, "centre")
    for number in range(3):
        await write(house.url, happened(f"e{number}"))
    connection = await connect(house.url)
    await forget(connection, timedelta(0))
    await connection.close()
    async with house.working():
        await until(receiver.changes)
    gap, event = receiver.events()
    assert gap["type"] == "cn.onemap.log.gap"
    assert (gap["data"]["first_seq"], gap["data"]["last_seq"]) == (1, 2)
    assert event["id"] == "3"


async def test_a_break_glass_is_told_to_who_asks_for_it_and_to_nobody_else(house, receiver):
    house.write("duty", kind="webhook", url=receiver.url, notices=["break_glass"])
    house.write("centre", kind="webhook", url=receiver.url, rights={"clearance": 4})
    identity = await connect(house.url, Role.IDENTITY)
    owner = await connect(house.url)
    async with house.working():
        await begun(house, "duty", "centre")
        await add_account(owner, "chen", IdentityLabels(("street_dispatcher",)), may_elevate=True)
        account = await find_account(identity, "chen")
        number = await begin_elevation(identity, account.id, "district_dispatcher", 3, "内涝险情 in the street", 2)
        assert await acknowledge_elevation(identity, number, "zhou", ends=False)
        assert await acknowledge_elevation(identity, number, "zhou", ends=True)
        await write(house.url, happened("e1"))
        await until(lambda: len(receiver.events()) == 4)
    told = [event for event in receiver.events() if event["type"] == "cn.onemap.elevation.changed"]
    assert [event["data"]["operation"] for event in told] == ["begin", "acknowledge", "end"]
    begin, seen, _ = (event["data"] for event in told)
    assert (begin["account"], begin["role"], begin["id"]) == ("chen", "district_dispatcher", str(number))
    assert seen["acknowledged_by"] == "zhou"
    assert not any("内涝" in request["body"] for request in receiver.requests()), "the reason is read where it is kept"
    await identity.close()
    await owner.close()


async def test_a_hanging_receiver_is_not_waited_for_beyond_its_time(house, receiver):
    receiver.be("hanging")
    house.write("centre", kind="webhook", url=receiver.url, timeout_s=2)
    async with house.working():
        await begun(house, "centre")
        await write(house.url, happened("e1"))
        await until(lambda: _fails(house))
        receiver.be("well")
        await until(receiver.changes)


async def test_a_broken_file_leaves_the_old_one_working_and_a_new_one_is_taken_up(house, receiver):
    house.write("centre", kind="webhook", url=receiver.url)
    async with house.working():
        await begun(house, "centre")
        (house.folder / "centre.yaml").write_text("kind: webhook\nname: centre\nurl: file:///etc/passwd\n")
        house.write("second", kind="webhook", url=receiver.url, layers=["vehicles"])
        await begun(house, "second")
        await write(house.url, happened("e1"), moved("v1", 1))
        await until(lambda: len(receiver.events()) == 3)
    assert sorted(event["id"] for event in receiver.events()) == ["1", "2", "2"]
