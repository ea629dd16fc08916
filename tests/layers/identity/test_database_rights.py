"""The role of the web workers in the database: it logs people in, and neither lists secrets nor writes rights."""

from __future__ import annotations

import asyncpg
import pytest

from layers.database.connection import Role, connect
from layers.identity.accounts import add_account
from layers.identity.labels import IdentityLabels
from layers.identity.logins import find_account

pytestmark = pytest.mark.anyio
FORBIDDEN = [
    "SELECT password_hash FROM identity.account",
    "SELECT digest FROM identity.access_token",
    "SELECT digest FROM identity.session",
    "UPDATE identity.account SET roles = ARRAY['operator']",
    (
        "INSERT INTO identity.access_token (name, digest, roles, clearance, expires_at) "
        "VALUES ('x', sha256('x'), ARRAY['operator'], 4, now() + interval '1 day')"
    ),
    "DELETE FROM identity.attempt",
]


@pytest.mark.parametrize("role", [Role.IDENTITY, Role.READ, Role.INGEST])
async def test_no_role_of_the_workers_reads_or_writes_the_tables(database_url, role):
    connection = await connect(database_url, role)
    try:
        for statement in FORBIDDEN:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)
    finally:
        await connection.close()


async def test_the_reading_role_cannot_even_ask_for_an_account(database_url):
    owner = await connect(database_url)
    await add_account(owner, "chen.yi", IdentityLabels(("leader",)), password_hash="a hash")
    await owner.close()
    for role, may in ((Role.IDENTITY, True), (Role.READ, False), (Role.INGEST, False)):
        connection = await connect(database_url, role)
        try:
            if may:
                found = await find_account(connection, "chen.yi")
                assert found is not None
                assert found.password_hash == "a hash"
            else:
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await find_account(connection, "chen.yi")
        finally:
            await connection.close()


async def test_the_database_itself_keeps_the_powers_apart(database_url):
    owner = await connect(database_url)
    try:
        for pair in (("auditor", "sysadmin"), ("security_admin", "operator"), ("auditor", "security_admin")):
            with pytest.raises(asyncpg.CheckViolationError):
                await add_account(owner, "two.hats", IdentityLabels(pair))
    finally:
        await owner.close()
