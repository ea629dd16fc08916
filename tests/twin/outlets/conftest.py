from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from layers.catalog import read_catalog
from layers.database.connection import Role, connect, create_pool
from tests.twin.change_log import prepare
from tests.twin.outlets.receiver import Receiver
from twin.jobs.jobs import Parts
from twin.outlets.job import OutletsJob
from twin.outlets.ledger import read_ledgers


class House:
    """A database with layers, a folder of outlets, and the job that serves them."""

    def __init__(self, url, home, parts) -> None:
        self.url, self.home, self.parts = url, home, parts
        self.folder = home / "outlets"
        self.folder.mkdir()
        (home / "secrets").mkdir(mode=0o700)

    def write(self, name, **said) -> None:
        """Write the file of an outlet."""
        lines = {
            "name": name,
            "rights": {"clearance": 2},
            "retry": {"first_s": 0.05, "longest_s": 0.2, "park_after_h": 1},
            **said,
        }
        (self.folder / f"{name}.yaml").write_text(repr(lines).replace("True", "true").replace("False", "false"))

    def secret(self, name, value) -> None:
        path = self.home / "secrets" / name
        path.touch(mode=0o600)
        path.write_bytes(value)

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """Serve the outlets while the block lasts."""
        task = asyncio.create_task(OutletsJob(self.parts, self.folder).run())
        try:
            yield
        finally:
            ended = task.done()
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            assert not ended

    async def ledger(self, name):
        return (await read_ledgers(self.parts.pool)).get(name)


@pytest.fixture
def database_url(layers_url):
    return layers_url


@pytest.fixture
async def house(database_url, tmp_path) -> AsyncIterator[House]:
    await prepare(database_url)
    owner = await connect(database_url)
    catalog = await read_catalog(owner)
    await owner.close()
    pool = await create_pool(database_url, Role.INGEST, size=4)
    parts = Parts(database_url, tmp_path, tmp_path, lambda: catalog, None, pool)  # type: ignore[arg-type]
    yield House(database_url, tmp_path, parts)
    await pool.close()


@pytest.fixture
def receiver(tmp_path):
    running = Receiver(tmp_path / "receiver").start()
    yield running
    running.kill()
