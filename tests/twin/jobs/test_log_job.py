"""The frame of jobs over the log: a decision and its cursor are one transaction."""

from __future__ import annotations

import pytest

from layers.database.connection import Role, connect, create_pool
from layers.errors import Conflict
from twin.jobs.log_job import FRAMES_MAX, LogRun
from twin.log.changes import append
from twin.log.cursor import Cursor
from twin.log.follower import Follower

pytestmark = pytest.mark.anyio


class Noting(LogRun):
    """Writes the ids of changes into the state of another cursor, and may die in the transaction."""

    def __init__(self, pool) -> None:
        super().__init__(pool)
        self.committed, self.behind, self.dies = [], [], False

    async def _decide(self, connection, changes, *, is_behind):  # noqa: ARG002  # it decides without the database
        self.behind.append(is_behind)
        return [change["id"] for change in changes] or None

    async def _write(self, connection, decision):
        await Cursor("noted").write_state(connection, {"ids": [*self.committed, *decision]})
        if self.dies:
            raise ConnectionError

    def _on_commit(self, decision):
        self.committed += decision

    def _state(self):
        return {"count": len(self.committed)}


@pytest.fixture
async def pool(database_url):
    pool = await create_pool(database_url, Role.INGEST, size=3)
    yield pool
    await pool.close()


async def write(url, *ids):
    connection = await connect(url, Role.INGEST)
    for number in ids:
        async with connection.transaction():
            await append(connection, [{"kind": "feature", "layer": "roads", "id": number}])
    await connection.close()


async def noted(pool):
    row = await Cursor("noted").read(pool)
    return None if row is None else row.state["ids"]


async def test_a_decision_and_its_cursor_are_written_together(pool, database_url):
    run = Noting(pool)
    async with Follower(database_url, pool, "job") as follower:
        await write(database_url, "a", "b")
        assert await run.go(follower)
        assert (await noted(pool), run.committed) == (["a", "b"], ["a", "b"])
        assert (await Cursor("job").read(pool)).seq == follower.seq
        assert not await run.go(follower), "only the state is written: it has changed by the commit"
        assert (await Cursor("job").read(pool)).state == {"count": 2}
        moved_at = (await Cursor("job").read(pool)).moved_at
        assert not await run.go(follower)
        assert (await Cursor("job").read(pool)).moved_at == moved_at, "nothing is written while nothing changes"


async def test_a_job_that_dies_while_it_writes_decides_again(pool, database_url):
    run = Noting(pool)
    async with Follower(database_url, pool, "job") as follower:
        await write(database_url, "a")
        run.dies = True
        with pytest.raises(ConnectionError):
            await run.go(follower)
        assert (await noted(pool), run.committed) == (None, [])
    async with Follower(database_url, pool, "job") as follower:
        assert await Noting(pool).go(follower)
        assert await noted(pool) == ["a"]


async def test_of_two_runs_of_a_job_one_writes(pool, database_url):
    first, second = Noting(pool), Noting(pool)
    async with Follower(database_url, pool, "job") as one, Follower(database_url, pool, "job") as other:
        await write(database_url, "a")
        assert await first.go(one)
        with pytest.raises(Conflict):
            await second.go(other)
        assert await noted(pool) == ["a"]


async def test_a_run_knows_that_more_waits_in_the_log(pool, database_url):
    run = Noting(pool)
    async with Follower(database_url, pool, "job") as follower:
        await write(database_url, *(f"f{n}" for n in range(FRAMES_MAX + 1)))
        while await run.go(follower):
            pass
        assert run.behind == [True, False, False]
        assert len(run.committed) == FRAMES_MAX + 1
