"""Admission to connections: laws for any sequence of callers, and a real pool under a flood."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layers.database.admission import CALLER, Admission, Caller, Cost
from layers.database.connection import Role, create_pool
from layers.database.statements import KEPT_CHARACTERS_MAX
from layers.errors import Away, Unavailable

pytestmark = pytest.mark.anyio
DEADLINE_S = 120
_CALLERS = st.builds(Caller, st.sampled_from("abc"), st.booleans(), st.sampled_from(Cost)) | st.none()


async def _enter(admission: Admission, caller: Caller | None) -> Caller | None:
    CALLER.set(caller)
    return await admission.enter()


@given(places=st.integers(1, 9), steps=st.lists(_CALLERS | st.integers(0, 20), max_size=60))
def test_laws_of_any_coming_and_going(places: int, steps: list[Caller | int | None]) -> None:
    async def play() -> None:
        admission = Admission(places, DEADLINE_S)
        tasks: list[asyncio.Task[Caller | None]] = []
        inside: list[Caller | None] = []
        for step in steps:
            if isinstance(step, int):
                if inside:
                    admission.leave(inside.pop(step % len(inside)))
            else:
                tasks.append(asyncio.create_task(_enter(admission, step)))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            for task in [task for task in tasks if task.done()]:
                tasks.remove(task)
                inside.append(task.result())
            assert len(inside) <= places
            assert len(inside) + admission.waiting == len(inside) + len(tasks)
            heavy = [one for one in inside if one and one.cost is Cost.HEAVY and not one.known]
            assert len(heavy) <= max(1, places // 2)
            for key in "abc":
                strangers = [one for one in inside if one and not one.known and one.key == key]
                assert len(strangers) < places or places == 1, "one stranger never holds all"
            assert inside or not tasks, "nobody waits for nobody"
        while inside or tasks:  # every waiting caller is admitted in the end
            if inside:
                admission.leave(inside.pop())
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            for task in [task for task in tasks if task.done()]:
                tasks.remove(task)
                inside.append(task.result())

    asyncio.run(play())


async def test_a_queue_has_an_end_and_waiting_too() -> None:
    admission = Admission(1, 0.05)
    await _enter(admission, None)
    with pytest.raises(Away):
        await _enter(admission, Caller("a"))
    assert admission.waiting == 0
    crowd = [asyncio.create_task(_enter(admission, Caller("a", cost=Cost.HEAVY))) for _ in range(100)]
    outcomes = await asyncio.gather(*crowd, return_exceptions=True)
    assert all(isinstance(one, Unavailable) for one in outcomes)
    assert sum(not isinstance(one, Away) for one in outcomes) >= 50, "the others were sent away at once"
    assert admission.waiting == 0
    admission.leave(None)
    await _enter(admission, Caller("b"))


@pytest.mark.parametrize("gone", [(0,), (1,), (0, 1)])
async def test_a_place_that_comes_free_as_a_waiting_caller_gives_up_goes_to_the_next(gone: tuple[int, ...]) -> None:
    admission = Admission(1, DEADLINE_S)
    await admission.enter()
    queue = [asyncio.create_task(_enter(admission, None)) for _ in range(3)]
    while admission.waiting < len(queue):  # noqa: ASYNC110  # a number is watched, there is no event to wait for
        await asyncio.sleep(0)
    for number in gone:
        queue[number].cancel()  # the task leaves the queue when it goes on, which is after the next line
    admission.leave(None)
    for number, task in enumerate(queue):
        if number in gone:
            with pytest.raises(asyncio.CancelledError):
                await task
        else:
            await task
            admission.leave(None)
    assert admission.waiting == 0


async def test_small_work_is_done_while_slow_work_of_another_holds_what_it_may(database_url: str) -> None:
    pool = await create_pool(database_url, Role.READ, size=4, statement_timeout_ms=60_000)

    async def slow() -> None:
        CALLER.set(Caller("stranger", cost=Cost.HEAVY))
        await pool.execute("SELECT pg_sleep(300)")

    flood = [asyncio.create_task(slow()) for _ in range(12)]
    try:
        while pool.admission.waiting < 10:  # noqa: ASYNC110  # the tasks get there without waiting for anything
            await asyncio.sleep(0)
        CALLER.set(Caller("victim"))
        for _ in range(20):
            assert await pool.fetchval("SELECT 1") == 1
        assert not any(task.done() for task in flood)
    finally:
        for task in flood:
            task.cancel()
        await asyncio.gather(*flood, return_exceptions=True)
        pool.terminate()


async def test_what_comes_once_is_not_prepared_and_what_comes_again_within_a_bound(database_url: str) -> None:
    pool = await create_pool(database_url, Role.READ, size=1)
    count = (
        "SELECT count(*), coalesce(sum(length(statement)), 0) FROM pg_prepared_statements WHERE statement LIKE '%mark%'"
    )
    try:
        for number in range(300):
            await pool.fetchval(f"SELECT {number} -- mark {'x' * 5000}")
        async with pool.acquire() as connection:
            assert tuple(await connection.fetchrow(count)) == (0, 0)
        for number in range(300):
            for _ in range(2):
                await pool.fetchval(f"SELECT {number} -- mark {'x' * 5000}")
        async with pool.acquire() as connection:
            statements, characters = await connection.fetchrow(count)
        assert 10 < statements < 100
        assert characters <= KEPT_CHARACTERS_MAX
    finally:
        await pool.close()
