"""What subscriptions may cost: laws, and a real tail under filters that cost much."""

from __future__ import annotations

import asyncio

import httpx
import orjson
import pytest

from layers.actor import OPERATOR
from layers.cql2 import FilterLimits
from layers.database.admission import CALLER, Caller
from layers.errors import BadFilter, Unavailable
from tests.twin.change_log import DEADLINE_SECONDS, happened, prepare, tails, write
from twin.live import catch_up, channels
from twin.live.budget import CALLER_UNITS_MAX, FILTER_UNITS_MAX, UNITS_MAX, Budget, TimeSlices, caller_here
from twin.live.subscription import SubscriptionParams, read_interest

pytestmark = pytest.mark.anyio
LIMITS = FilterLimits(length=65_536, vertices=100_000)


def _filter(count: int, word: str = "x") -> str:
    return " OR ".join(f"CASEI(title) LIKE CASEI('%{word}{number}%')" for number in range(count))


async def test_a_filter_that_costs_too_much_is_400_in_words(database_url, live_server):
    await prepare(database_url)
    address = live_server(database_url)
    for text in (_filter(330), f"source_version IN ({','.join(['1'] * 4000)})"):
        asked = {"layers": "events", "filter": text}
        said = httpx.get(f"{address}/live", params=asked, timeout=DEADLINE_SECONDS)
        assert said.status_code == 400, said.text
        assert str(FILTER_UNITS_MAX) in said.json()["detail"]
        assert httpx.get(f"{address}/ogc/collections/events/items", params={"filter": _filter(30)}).status_code == 200


async def test_all_filters_together_have_a_limit_and_one_callers_a_smaller_one(database_url):
    await prepare(database_url)
    async with tails(database_url) as ([tail], _):
        catalog = tail._catalog()
        served: dict[str, int] = {}
        watchers = []
        for caller in ("a", "b", "c", "d", "e", "f"):
            CALLER.set(Caller(caller))
            for number in range(100):
                asked = SubscriptionParams(["events"], filter=_filter(60, caller + str(number)))
                interest = read_interest(catalog, OPERATOR, asked, LIMITS)
                try:
                    tail.budget.check(caller_here(), interest.units)
                    watchers.append(tail.watch(interest, OPERATOR))
                except Unavailable:
                    break
                served[caller] = served.get(caller, 0) + interest.units
        assert all(units <= CALLER_UNITS_MAX for units in served.values())
        assert sum(served.values()) <= UNITS_MAX
        assert len(served) >= 4, "one alone leaves room for others"
        plain = tail.watch(read_interest(catalog, OPERATOR, SubscriptionParams(["events"]), LIMITS), OPERATOR)
        for watcher in (*watchers, plain):
            tail.leave(watcher)
            tail.leave(watcher)
        assert tail.budget.spent == 0
        assert not tail.budget._by_caller


async def test_filters_are_worked_off_in_turns_and_nobody_misses_anything(database_url, monkeypatch):
    """With costly filters a batch takes many turns; subscribers that come and go meanwhile receive each change once."""
    await prepare(database_url)
    given: list[int] = []

    class Counted(TimeSlices):
        async def spend(self, units):
            before = self.given
            await super().spend(units)
            if self.given > before:
                given.append(units)

    for module in (channels, catch_up):
        monkeypatch.setattr(module, "TimeSlices", Counted)
    async with tails(database_url) as ([tail], pool):
        catalog = tail._catalog()
        dear = []
        for n in range(12):
            CALLER.set(Caller(f"caller {n}"))
            interest = read_interest(
                catalog, OPERATOR, SubscriptionParams(["events"], filter=_filter(60, f"w{n}x")), LIMITS
            )
            dear.append(tail.watch(interest, OPERATOR))
        await asyncio.gather(*(tail.take(watcher, pool, 0.01) for watcher in dear))  # each is in its channel then
        heard: list[set[str]] = []

        async def hear(interest, number):
            watcher = tail.watch(interest, OPERATOR, 0)
            ids: list[str] = []
            while len(ids) < 200:
                batch = await tail.take(watcher, pool, 1.0)
                ids += [] if batch is None else [one["id"] for one in orjson.loads(batch.body)]
            tail.leave(watcher)
            heard.append(set(ids))
            assert len(ids) == len(set(ids)) == 200, number

        plain = read_interest(catalog, OPERATOR, SubscriptionParams(["events"]), LIMITS)
        hearing = [asyncio.create_task(hear(plain, number)) for number in range(5)]
        for batch in range(10):
            await write(database_url, *(happened(f"e{batch}-{n}", title=f"w{n}") for n in range(20)))
            hearing.append(asyncio.create_task(hear(plain, batch + 5)))
        async with asyncio.timeout(DEADLINE_SECONDS):
            await asyncio.gather(*hearing)
        assert given, "others had their turn within a batch"
        for watcher in dear:
            tail.leave(watcher)


def test_a_budget_is_exact() -> None:
    budget = Budget()
    budget.take("a", CALLER_UNITS_MAX)
    with pytest.raises(Unavailable):
        budget.take("a", 1)
    budget.take("a", 0)
    budget.give_back("a", CALLER_UNITS_MAX)
    budget.take("a", 1)
    assert budget.spent == 1
    assert issubclass(BadFilter, Exception)
