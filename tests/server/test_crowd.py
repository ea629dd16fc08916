"""A crowd of strangers never holds up feeds and those who are known: classes and turns instead of seconds."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import AsyncExitStack

import pytest
from hypothesis import given
from hypothesis import strategies as st

import server.http.crowd
from layers.database.admission import Caller, Cost
from layers.errors import TooOften, Unavailable
from server.http.crowd import ONE_ADDRESS_WAITING_MAX, WAITING_MAX, Crowd
from server.http.rates import CALLERS_MAX, WEIGHTS, Rate, Rates, network_of

pytestmark = pytest.mark.anyio


async def _visit(crowd: Crowd, address: str, cost: Cost, served: list[str], go: asyncio.Event) -> None:
    async with crowd.place(address, cost):
        served.append(address)
        await go.wait()


async def _settled() -> None:
    """Let every task run until it waits."""
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.mark.parametrize("cost", list(Cost))
async def test_no_more_are_worked_on_than_may_be(cost: Cost):
    crowd, served, go = Crowd(3), [], asyncio.Event()
    visits = [asyncio.create_task(_visit(crowd, f"a{n}", cost, served, go)) for n in range(10)]
    await _settled()
    assert (len(served), crowd.waiting) == (3, 7)
    other = next(one for one in Cost if one is not cost)
    async with crowd.place("b", other):
        pass  # another class has places of its own
    go.set()
    await asyncio.gather(*visits)
    assert (len(served), crowd.waiting) == (10, 0)


async def test_addresses_take_turns():
    """Whoever sends a hundred requests is not served before whoever sends one."""
    crowd, served = Crowd(1), []
    async with crowd.place("first", Cost.CHEAP) as place:
        gone = asyncio.Event()
        gone.set()
        visits = [asyncio.create_task(_visit(crowd, "many", Cost.CHEAP, served, gone)) for _ in range(100)]
        await _settled()
        visits.append(asyncio.create_task(_visit(crowd, "one", Cost.CHEAP, served, gone)))
        await _settled()
        place.leave()
        place.leave()  # a second call gives no second place
    await asyncio.gather(*visits)
    assert served.index("one") == 1


async def test_one_address_never_fills_the_queue():
    crowd, served, go = Crowd(1), [], asyncio.Event()
    visits = [
        asyncio.create_task(_visit(crowd, "many", Cost.CHEAP, served, go)) for _ in range(ONE_ADDRESS_WAITING_MAX + 1)
    ]
    await _settled()
    with pytest.raises(TooOften, match="of your address"):
        await _visit(crowd, "many", Cost.CHEAP, served, go)
    others = [asyncio.create_task(_visit(crowd, f"o{n}", Cost.CHEAP, served, go)) for n in range(WAITING_MAX)]
    await _settled()
    refused = [one for one in others if one.done()]
    assert len(refused) == ONE_ADDRESS_WAITING_MAX
    assert all(isinstance(one.exception(), Unavailable) for one in refused)
    go.set()
    await asyncio.gather(*visits, *(one for one in others if one not in refused))
    assert crowd.waiting == 0


async def test_whoever_gives_up_keeps_no_place(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(server.http.crowd, "PATIENCE_SECONDS", 0.01)
    crowd = Crowd(1)
    async with crowd.place("a", Cost.CHEAP):
        with pytest.raises(Unavailable, match="at the moment"):
            async with crowd.place("b", Cost.CHEAP):
                pytest.fail("there was no place")
    assert crowd.waiting == 0
    async with AsyncExitStack() as held:
        await held.enter_async_context(crowd.place("b", Cost.CHEAP))


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(list(Cost)), st.booleans()), max_size=60))
def test_every_place_is_given_back(visits):
    """However requests come, wait and are cancelled: in the end all places are free and nobody waits."""

    async def run() -> Counter[Cost]:
        crowd, served, go = Crowd(2), [], asyncio.Event()
        tasks = []
        for address, cost, is_cancelled in visits:
            tasks.append(asyncio.create_task(_visit(crowd, address, cost, served, go)))
            await asyncio.sleep(0)
            if is_cancelled:
                tasks[len(tasks) // 2].cancel()
        go.set()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert crowd.waiting == 0
        return Counter({cost: line.free for cost, line in crowd._lines.items()})

    assert asyncio.run(run()) == Counter(dict.fromkeys(Cost, 2))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr("server.http.rates.monotonic", lambda: now[0])
    return now


def test_a_bucket_fills_again(clock: list[float]):
    rates = Rates(Rate(10, 20), Rate(100, 200))
    for _ in range(20):
        rates.take(Caller("192.0.2.1"))
    with pytest.raises(TooOften, match="your address sends more than 10 requests a second") as refused:
        rates.take(Caller("192.0.2.1"))
    assert refused.value.retry_after_s == 1
    clock[0] += 0.1
    rates.take(Caller("192.0.2.1"))
    with pytest.raises(TooOften):
        rates.take(Caller("192.0.2.1"))
    with pytest.raises(TooOften) as refused:
        rates.take(Caller("192.0.2.1", cost=Cost.HEAVY))
    assert refused.value.retry_after_s == WEIGHTS[Cost.HEAVY] / 10


def test_readers_of_a_house_silence_neither_its_feeds_nor_its_operators(clock: list[float]):
    rates = Rates(Rate(1, 1), Rate(1, 50))
    rates.take(Caller("192.0.2.1"))
    with pytest.raises(TooOften):
        rates.take(Caller("192.0.2.1"))
    for _ in range(50):
        rates.take(Caller("192.0.2.1"), feeds=True)
        rates.take(Caller("account:chen.yi", known=True))
    with pytest.raises(TooOften, match="you send"):
        rates.take(Caller("account:chen.yi", known=True))
    rates.take(Caller("account:li.na", known=True))
    with pytest.raises(TooOften):
        rates.take(Caller("192.0.2.1"), feeds=True)


def test_a_network_of_ipv6_is_one_client(clock: list[float]):
    assert network_of("2001:db8:1:2::1") == network_of("2001:db8:1:2:ffff::9") != network_of("2001:db8:1:3::1")
    assert network_of("192.0.2.1") == "192.0.2.1"
    assert network_of("") == ""


def test_the_memory_of_the_limiter_has_a_bound_and_zero_is_no_limit(clock: list[float]):
    rates = Rates(Rate(1, 1), Rate(0, 1))
    for number in range(CALLERS_MAX + 500):
        rates.take(Caller(f"10.{number}"))
    assert len(rates) == CALLERS_MAX
    for _ in range(1000):
        rates.take(Caller("somebody", known=True))
