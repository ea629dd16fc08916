"""The application over small layers, and what its audit holds."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any

import asyncpg
import pytest

from layers.audit.writer import AuditWriter
from layers.database.connection import Role, connect
from tests.databases import temporary_database
from tests.ogc.service import Service, fill

type Records = Callable[[], list[dict[str, Any]]]


@pytest.fixture(scope="session")
def audited(cluster: str, template: str) -> Iterator[Service]:
    """The application over a database of its own, for all tests of its audit."""
    with temporary_database(cluster, template) as url:
        fill(url, 40)
        running = Service(url)
        yield running
        running.close()


@pytest.fixture
def service(audited: Service) -> Service:
    """The application, with every earlier record stored."""
    audited.run(settled(audited))
    return audited


async def settled(service: Service) -> None:
    """Return when everything that was recorded is stored."""
    writer = writer_of(service)
    writer.flush()
    while writer.waiting:  # noqa: ASYNC110  # the queue is emptied by another task, a turn of the loop later
        await asyncio.sleep(0)


def writer_of(service: Service) -> AuditWriter:
    writer = service.app.state.shared.audit.writer
    assert writer is not None
    return writer


@pytest.fixture
def records(service: Service) -> Records:
    """Return every record since the last call, oldest first within a chain."""

    async def read() -> list[dict[str, Any]]:
        await settled(service)
        connection = await connect(service.url, Role.AUDITOR)
        try:
            rows = await connection.fetch("SELECT chain, body FROM audit.record ORDER BY chain, seq")
        finally:
            await connection.close()
        return [{"chain": row["chain"], **json.loads(row["body"])} for row in rows]

    seen = {record["audit_id"] for record in service.run(read())}

    def fresh() -> list[dict[str, Any]]:
        found = [record for record in service.run(read()) if record["audit_id"] not in seen]
        seen.update(record["audit_id"] for record in found)
        return found

    return fresh


@pytest.fixture
def refusing(service: Service) -> Iterator[None]:
    """A database that takes no records; what is added to the queue waits."""

    async def change(sql: str) -> None:
        connection = await asyncpg.connect(service.url)
        await connection.execute(sql)
        await connection.close()

    service.run(change("ALTER TABLE audit.record ADD CONSTRAINT refused CHECK (false) NOT VALID"))
    yield
    service.run(change("ALTER TABLE audit.record DROP CONSTRAINT refused"))
