"""Old records go, the chain stays verifiable, and nobody removes them earlier."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from layers.audit.chain import GENESIS, link_hash
from layers.audit.record import AuditChain
from layers.audit.retention import forget_records
from layers.audit.store import append, read_period
from layers.audit.verify import verify
from layers.database.connection import Role, connect

pytestmark = pytest.mark.anyio
KEPT = {AuditChain.GENERAL: timedelta(days=180), AuditChain.SENSITIVE: timedelta(days=1095)}


async def age(superuser: asyncpg.Connection, chain: AuditChain, days: list[int]) -> None:
    """Fill an empty chain with records of so many days ago."""
    prev = GENESIS
    for seq, day in enumerate(days, 1):
        at = (datetime.now(UTC) - timedelta(days=day)).replace(microsecond=0)
        link = link_hash("sha256", prev, seq, at, "{}")
        await superuser.execute(
            "INSERT INTO audit.record VALUES ($1, $2, $3, 'sha256', '{}', $4, $5)", chain.value, seq, at, prev, link
        )
        prev = link
    await superuser.execute("UPDATE audit.head SET seq = $2, hash = $3 WHERE chain = $1", chain.value, len(days), prev)


async def test_old_records_go_and_the_rest_is_verified_from_a_checkpoint(
    database_url: str, superuser: asyncpg.Connection, auditor: asyncpg.Connection, writer: asyncpg.Connection
):
    await age(superuser, AuditChain.GENERAL, [400, 300, 181, 100, 200, 1])
    await age(superuser, AuditChain.SENSITIVE, [1200, 400, 2])
    owner = await connect(database_url, Role.OWNER)
    assert await forget_records(owner, KEPT) == {"general": 3, "sensitive": 1}
    assert await forget_records(owner, KEPT) == {"general": 0, "sensitive": 0}
    await owner.close()
    await append(writer, AuditChain.GENERAL, ["{}"])
    walks = {walk.chain: walk for walk in await verify(auditor)}
    assert [walk.fault for walk in walks.values()] == [None, None]
    assert (walks["general"].first, walks["sensitive"].first) == (4, 2)
    bodies = [row.body async for row in read_period(auditor)]
    assert sum('"action":"retention"' in body and '"row_count":3' in body for body in bodies) == 1


async def test_everything_may_be_old(database_url: str, superuser: asyncpg.Connection, auditor: asyncpg.Connection):
    await age(superuser, AuditChain.GENERAL, [400, 300])
    owner = await connect(database_url, Role.OWNER)
    assert (await forget_records(owner, KEPT))["general"] == 2
    await owner.close()
    assert [walk.fault for walk in await verify(auditor)] == [None, None]


async def test_nobody_shortens_the_period_of_the_law(database_url: str, superuser: asyncpg.Connection):
    await age(superuser, AuditChain.GENERAL, [100])
    owner = await connect(database_url, Role.OWNER)
    with pytest.raises(asyncpg.CheckViolationError, match="180 days"):
        await forget_records(owner, {AuditChain.GENERAL: timedelta(days=1)})
    await owner.close()
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await superuser.execute("SET onemap.audit_forget = 'on'; DELETE FROM audit.record")
    for role in (Role.READ, Role.INGEST, Role.AUDIT, Role.AUDITOR):
        connection = await connect(database_url, role)
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await forget_records(connection, KEPT)
        await connection.close()
