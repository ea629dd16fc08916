"""A token that is known costs microseconds; a clock decides when it ends."""

from __future__ import annotations

import asyncio
from time import perf_counter

import pytest

from layers.database.connection import Role, create_pool
from layers.identity.secret import digest_of
from server.identity.access_tokens import AccessTokens
from server.identity.auth import Authenticator
from server.identity.credential_cache import CredentialCache, KnownCredential
from server.identity.subject import Subject

pytestmark = pytest.mark.anyio


@pytest.fixture
async def pool(database_url):
    made = await create_pool(database_url, Role.IDENTITY, size=2)
    yield made
    await made.close()


async def test_idle_and_absolute_ends_follow_the_clock(database_url, pool):
    now = [1000.0]
    cache = CredentialCache(database_url, pool, lambda: now[0])
    await cache.start()
    looked = []

    async def find(_connection, _digest):
        looked.append(now[0])
        last_seen = 1000.0 if len(looked) == 1 else now[0]
        return KnownCredential(Subject("account:a", "a"), 5000.0, last_seen, idle_s=100.0) if now[0] < 5000 else None

    try:
        for moment in (1000.0, 1090.0, 1180.0):
            now[0] = moment
            assert await cache.find(b"x" * 32, find)
        assert len(looked) == 1, "each use keeps it alive"
        now[0] = 1281.0
        assert await cache.find(b"x" * 32, find)
        assert len(looked) == 2, "another worker may have seen it: the database decides"
        now[0] = 5000.0
        assert await cache.find(b"x" * 32, find) is None
    finally:
        await cache.stop()


async def test_a_wrong_token_is_looked_up_once_however_many_wait(database_url, pool):
    cache = CredentialCache(database_url, pool)
    await cache.start()
    looked = []

    async def find(_connection, _digest):
        looked.append(1)

    try:
        digest = digest_of("nothing")
        assert await asyncio.gather(*(cache.find(digest, find) for _ in range(50))) == [None] * 50
        assert await cache.find(digest, find) is None
        assert len(looked) == 1
    finally:
        await cache.stop()


async def test_a_known_token_is_checked_in_memory(database_url, pool, new_token):
    token = await asyncio.to_thread(new_token)
    cache = CredentialCache(database_url, pool)
    await cache.start()
    authenticator = Authenticator([AccessTokens(cache)])
    scope = {"headers": [(b"host", b"map"), (b"authorization", b"Bearer " + token.encode())]}
    try:
        assert (await authenticator.authenticate(scope, "10.0.0.1")).subject.name == "reader"
        await pool.close()  # nothing is asked of the database any more
        best = min([await _seconds(authenticator, scope) for _ in range(20)])
        assert best < 200e-6, "50 us on a quiet machine; a bench, not a test, says how long exactly"
    finally:
        await cache.stop()


async def _seconds(authenticator, scope):
    began = perf_counter()
    for _ in range(100):
        await authenticator.authenticate(scope, "10.0.0.1")
    return (perf_counter() - began) / 100
