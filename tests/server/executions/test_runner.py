"""Jobs of processes: bounded, given up when they are dismissed, and never left behind by a worker that stops."""

from __future__ import annotations

import asyncio

import pytest

from layers.database.connection import Role, connect, create_pool
from layers.errors import BadInput, TooOften
from server.executions.runner import JobRunner
from server.settings import ProcessSettings
from twin.executions.job import NoSuchJob

pytestmark = pytest.mark.anyio
STATES = "SELECT status, count(*)::int AS number FROM onemap.process_job GROUP BY status"


@pytest.fixture
async def runner(database_url):
    running = JobRunner(database_url, ProcessSettings())
    await running.start()
    yield running
    await running.stop()


async def done():
    return "application/json", b"{}"


async def submit(runner, work, owner="account:one"):
    return await runner.submit(owner, "audience", "locate", "raw", work)


async def until_ended(runner, job, owner="account:one"):
    while not (found := await runner.ledger.find(job.id, owner)).has_ended:
        pass
    return found


async def states(url):
    connection = await connect(url, Role.OWNER)
    try:
        return {row["status"]: row["number"] for row in await connection.fetch(STATES)}
    finally:
        await connection.close()


@pytest.mark.parametrize(("owners", "accepted"), [(1, 16), (200, 64)])
async def test_two_hundred_jobs_at_once_are_bounded_and_all_that_were_accepted_end(
    runner, database_url, owners, accepted
):
    free, full = asyncio.Event(), asyncio.Event()
    at_work = most = 0

    async def work():
        nonlocal at_work, most
        at_work += 1
        most = max(most, at_work)
        if at_work == ProcessSettings().at_once:
            full.set()
        await free.wait()
        at_work -= 1
        return await done()

    asked = [submit(runner, work, f"account:{number % owners}") for number in range(200)]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    refused = [one for one in answers if isinstance(one, TooOften)]
    assert len(answers) - len(refused) == accepted
    assert all(one.retry_after_s >= 1 for one in refused)
    await full.wait()
    free.set()
    for job in answers:
        if not isinstance(job, TooOften):
            assert (await until_ended(runner, job, job.owner)).status == "successful"
    assert most == ProcessSettings().at_once
    assert await states(database_url) == {"successful": accepted}


async def test_a_job_that_is_dismissed_leaves_no_statement_in_the_database(runner, database_url):
    pool = await create_pool(database_url, Role.READ, size=1, statement_timeout_ms=60_000)
    begun = asyncio.Event()

    async def work():
        async with pool.acquire() as connection:
            begun.set()
            await connection.execute("SELECT pg_sleep(600) AS of_the_job")
        return await done()

    job = await submit(runner, work)
    await begun.wait()
    assert (await runner.dismiss(job.id, "account:one")).status == "dismissed"
    connection = await connect(database_url, Role.OWNER)
    query = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%pg_sleep(600) AS of_the_job'"
    while await connection.fetchval(query):
        pass
    assert (await runner.ledger.find(job.id, "account:one")).status == "dismissed"
    await connection.close()
    await pool.close()


async def test_another_worker_can_dismiss_a_job(runner, database_url):
    other = JobRunner(database_url, ProcessSettings())
    await other.start()
    ended = asyncio.Event()

    async def work():
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return await done()

    job = await submit(runner, work)
    while (await runner.ledger.find(job.id, "account:one")).status != "running":
        pass
    await other.dismiss(job.id, "account:one")
    await asyncio.wait_for(ended.wait(), 30)  # with the next sign of life
    await other.stop()


async def test_a_worker_that_stops_leaves_no_job_open(database_url):
    stopping = JobRunner(database_url, ProcessSettings())
    await stopping.start()
    for _ in range(4):
        await submit(stopping, asyncio.Event().wait)
    await stopping.stop()
    assert await states(database_url) == {"failed": 4}


async def test_the_job_of_a_worker_that_was_killed_fails(runner, database_url):
    job = await submit(runner, asyncio.Event().wait)
    assert await runner.ledger.fail_abandoned(3600.0) == 0
    assert await runner.ledger.fail_abandoned(0.0) == 1
    found = await runner.ledger.find(job.id, "account:one")
    assert (found.status, found.fault_status) == ("failed", 503)


async def test_results_expire(database_url):
    brief = JobRunner(database_url, ProcessSettings(results_s=0.001))
    await brief.start()
    job = await submit(brief, done)
    while await states(database_url):
        await brief.ledger.expire()
    with pytest.raises(NoSuchJob):
        await brief.ledger.find(job.id, "account:one")
    await brief.stop()


@pytest.mark.parametrize(
    ("fault", "status", "said"),
    [(BadInput("lon is no number"), 400, "lon is no number"), (RuntimeError("secret"), 500, "something went wrong")],
)
async def test_a_fault_is_told_as_an_answer_would_tell_it(runner, fault, status, said):
    async def work():
        raise fault

    found = await until_ended(runner, await submit(runner, work))
    assert (found.status, found.fault_status) == ("failed", status)
    assert said in found.message
    assert "secret" not in found.message


async def test_a_job_that_takes_too_long_is_given_up(database_url):
    hasty = JobRunner(database_url, ProcessSettings(timeout_s=0.01))
    await hasty.start()
    found = await until_ended(hasty, await submit(hasty, asyncio.Event().wait))
    assert (found.status, found.fault_status) == ("failed", 503)
    await hasty.stop()
