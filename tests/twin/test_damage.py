"""Damage of the database that a job meets is told with the heartbeat, and so at `/health`."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from tests.ogc.service import Service, fill
from tests.twin.waiting import until
from twin import damage
from twin.cancellation import cancel_tasks
from twin.jobs.jobs import keep_working
from twin.jobs.leader import lead

pytestmark = pytest.mark.anyio


class Meets:
    """A job that meets an error, and waits when it is started again."""

    def __init__(self, error) -> None:
        self.name, self._errors = "meets", [error]

    async def run(self) -> None:
        if self._errors:
            raise self._errors.pop()
        await asyncio.Event().wait()


@pytest.mark.parametrize(
    ("error", "is_told"),
    [
        (asyncpg.IndexCorruptedError("index is damaged"), True),
        (asyncpg.TooManyConnectionsError("come again"), False),
        (ValueError("a fault of ours"), False),
    ],
)
def test_only_damage_is_remembered(error, is_told):
    met = damage.Damage()
    assert met.note(error) is is_told
    assert met.recent() == (["XX002"] if is_told else [])


async def test_what_a_job_of_the_ingest_process_meets_is_at_health(database_url, monkeypatch):
    monkeypatch.setattr(damage.MET_BY_JOBS, "_met", {})
    await asyncio.to_thread(fill, database_url, 10)
    service = await asyncio.to_thread(Service, database_url)
    working = asyncio.create_task(keep_working([Meets(asyncpg.IndexCorruptedError("index is damaged"))]))

    async def told():
        said = (await asyncio.to_thread(service.ask, "/health", actor="operator")).json()
        return said if said["ingest"] and any("XX002" in one for one in said["troubles"]) else None

    try:
        async with lead(database_url):
            assert (await until(told))["status"] == "degraded"
    finally:
        await cancel_tasks([working])
        await asyncio.to_thread(service.close)
