"""The application over a database, for one reader."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from dataclasses import replace

import orjson

from server.identity.auth import Authenticator
from server.identity.identity import Identity
from server.identity.subject import AuthMethod, Subject
from tests.ogc.service import Service
from tests.rights.addresses import plain

PASSING = {"date", "x-request-id", "server-timing", "content-length", "etag", "last-modified"}
"""Headers of one database and moment; tests/matrix/test_leaks.py holds that no validator tells of a hidden change."""
_AT_ONCE = 4


class _Always(Authenticator):
    """Takes every request as one reader's."""

    def __init__(self, actor) -> None:
        super().__init__()
        self._identity = Identity(Subject(actor.subject, actor.subject, actor.roles, method=AuthMethod.TOKEN), actor)

    async def authenticate(self, scope, address, cookie=lambda: None):  # noqa: ARG002  # whatever was sent
        return self._identity


class Reader(Service):
    """The application, for one reader."""

    def __init__(self, url, actor) -> None:
        super().__init__(url)
        self.app.state.shared = replace(self.app.state.shared, authenticator=_Always(actor))

    def answers(self, addresses):
        """Return status, headers and body of every address, without the times of the answers."""

        async def one(address, gate):
            async with gate:
                answer = await self._fast.get(address, headers={"accept": "application/json"})
            headers = {name: value for name, value in answer.headers.items() if name not in PASSING}
            text = answer.headers.get("content-type", "").startswith(("text", "application/"))
            return address, (answer.status_code, headers, plain(answer.text) if text else answer.content)

        async def every():
            gate, alone = asyncio.Semaphore(_AT_ONCE), asyncio.Semaphore(1)
            asked = (one(address, alone if address.startswith("/twin/replay") else gate) for address in addresses)
            return dict(await asyncio.gather(*asked))

        return asyncio.run_coroutine_threadsafe(every(), self._loop).result(280)

    def json_or_none(self, address):
        answer = self.ask(address)
        return orjson.loads(answer.content) if answer.status_code == 200 else None


@contextmanager
def one_reader(url, actor):
    """Serve a database to one reader."""
    running = Reader(url, actor)
    try:
        yield running
    finally:
        running.close()
