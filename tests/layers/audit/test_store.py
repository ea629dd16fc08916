"""Appending: the chain is a line whoever appends, and nobody changes it."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import asyncpg
import pytest

from layers.audit.chain import GENESIS, link_hash
from layers.audit.note import note
from layers.audit.record import AuditAction, AuditChain
from layers.audit.store import append, read_chain, read_heads, read_period
from layers.database.connection import Role, connect
from layers.errors import Unavailable

pytestmark = pytest.mark.anyio
GENERAL = AuditChain.GENERAL


async def test_records_are_chained_as_the_document_says(writer: asyncpg.Connection, auditor: asyncpg.Connection):
    assert await append(writer, GENERAL, ['{"a":1}', '{"b":"天河"}']) == 2
    assert await append(writer, GENERAL, ['{"c":3}']) == 3
    rows = [row async for row in read_chain(auditor, GENERAL)]
    prev = GENESIS
    for number, row in enumerate(rows, 1):
        assert (row.seq, row.prev_hash) == (number, prev)
        assert row.hash == link_hash(row.alg, prev, row.seq, row.stored_at, row.body)
        prev = row.hash
    head = {h.chain: h for h in await read_heads(auditor)}
    assert (head["general"].seq, head["general"].hash) == (3, prev)
    assert head["sensitive"].seq == 0


async def test_a_text_of_two_lines_is_no_record(writer: asyncpg.Connection, auditor: asyncpg.Connection):
    for bodies in (['{"a":\n1}'], ["{}", "{}\n{}"]):
        with pytest.raises(ValueError, match="one line"):
            await append(writer, GENERAL, bodies)
    assert not [row async for row in read_chain(auditor, GENERAL)]


async def test_an_algorithm_that_is_unknown_stores_nothing(
    writer: asyncpg.Connection, auditor: asyncpg.Connection, superuser: asyncpg.Connection
):
    await superuser.execute("UPDATE audit.head SET alg = 'md5' WHERE chain = 'general'")
    with pytest.raises(asyncpg.RaiseError, match="has no algorithm md5"):
        await append(writer, GENERAL, ["{}"])
    assert not [row async for row in read_chain(auditor, GENERAL)]


async def test_the_chain_stays_a_line_when_many_append_at_once(database_url: str, auditor: asyncpg.Connection):
    connections = [await connect(database_url, Role.AUDIT) for _ in range(4)]

    async def many(connection: asyncpg.Connection, name: int) -> None:
        for n in range(10):
            await append(connection, GENERAL, [f'{{"w":{name}}}'] * (n % 3 + 1))

    await asyncio.gather(*(many(c, n) for n, c in enumerate(connections)))
    for connection in connections:
        await connection.close()
    rows = [row async for row in read_chain(auditor, GENERAL)]
    assert [row.seq for row in rows] == list(range(1, 4 * 19 + 1))
    assert all(b.prev_hash == a.hash for a, b in pairwise(rows))


@pytest.mark.parametrize(
    "sql", ["UPDATE audit.record SET body = ''", "DELETE FROM audit.record", "TRUNCATE audit.record"]
)
async def test_nobody_changes_a_record(
    database_url: str, writer: asyncpg.Connection, superuser: asyncpg.Connection, sql: str
):
    await append(writer, GENERAL, ["{}"])
    for role in Role:
        connection = await connect(database_url, role)
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(sql)
        await connection.close()
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="only ever appended"):
        await superuser.execute(sql)  # the second lock


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.AUDITOR])
async def test_the_auditor_alone_reads(database_url: str, role: Role):
    connection = await connect(database_url, role)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.fetch("SELECT body FROM audit.record")
    await connection.close()


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.AUDIT])
async def test_the_writing_role_alone_appends(database_url: str, role: Role):
    connection = await connect(database_url, role)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await append(connection, GENERAL, ["{}"])
    await connection.close()


async def test_a_command_records_before_it_acts(database_url: str, auditor: asyncpg.Connection):
    await note(database_url, AuditAction.PURGE, "layer/events", detail={"features": 3})
    (row,) = [row async for row in read_period(auditor)]
    assert row.chain == "sensitive"
    assert '"action":"purge"' in row.body
    assert '"subject_id":"local:' in row.body


async def test_a_command_stops_when_the_audit_refuses(database_url: str, superuser: asyncpg.Connection):
    await superuser.execute("ALTER TABLE audit.record ADD CONSTRAINT full_disk CHECK (false)")
    with pytest.raises(Unavailable, match="not done"):
        await note(database_url, AuditAction.PURGE, "layer/events")
