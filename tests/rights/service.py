"""The application over a database, for any of several readers."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from dataclasses import replace

import orjson

from tests.impersonation import ACTOR_HEADER, Impersonation
from tests.ogc.service import Service
from tests.rights.addresses import plain
from tests.rights.asgi import converse, get
from tests.rights.changes import LAST
from tests.rights.files import told

PASSING = {"date", "x-request-id", "server-timing", "content-length", "etag", "last-modified"}
"""Headers of one database and moment; tests/matrix/test_leaks.py holds that no validator tells of a hidden change."""
_AT_ONCE = 6
_ALONE = ("/twin/replay", "/twin/snapshot", "/twin/download", "/health")  # of which the application does few at once
_TIMES = 5
_SECONDS_MAX = 1_500  # with --rights-full; pytest's own limit ends the others
_BUSY = (429, 503)
_SUBSCRIBE = '{"type":"subscribe","since":0}'
_QUIET = {
    "database": {"statement_timeout_ms": 60_000, "pool_size": _AT_ONCE},  # a slow machine is no leak
    "export": dict.fromkeys(
        ("answer_features", "hour_features", "sensitive_answer_features", "sensitive_hour_features"), 10**6
    ),  # nor is the end of an hour's allowance, which any of many requests at once may meet (test_exports.py)
}


class Readers(Service):
    """The application, for whichever reader a request names."""

    def __init__(self, url, actors) -> None:
        super().__init__(url, **_QUIET)
        self.app.state.shared = replace(self.app.state.shared, authenticator=Impersonation(actors))

    def answers(self, name, addresses):
        """Return status, headers and bytes of every address as a reader gets it; of a stream, all there is to hear."""
        sent = {"accept": "application/json", ACTOR_HEADER: name}

        async def one(address):
            status, given, body = await get(self.app, address, sent, enough=_is_over)
            return status, {name: value for name, value in given.items() if name not in PASSING}, body

        async def patient(address, gate):
            async with gate:
                answer = await one(address)
            for _ in range(_TIMES if answer[0] in _BUSY else 0):  # too busy to answer: that is no answer yet
                async with alone:
                    answer = await one(address)
            return address, answer

        async def every():
            gate = asyncio.Semaphore(_AT_ONCE)
            asked = (patient(address, alone if _is_heavy(address) else gate) for address in addresses)
            return dict(await asyncio.gather(*asked))

        alone = asyncio.Semaphore(1)
        return asyncio.run_coroutine_threadsafe(every(), self._loop).result(_SECONDS_MAX)

    def heard(self, name):
        """Return the changes that a reader hears over a WebSocket."""
        work = converse(self.app, "/live/ws", {ACTOR_HEADER: name}, _SUBSCRIBE, enough=_is_over)
        messages = [orjson.loads(text) for text in asyncio.run_coroutine_threadsafe(work, self._loop).result(100)]
        return [change for message in messages for change in message.get("changes", ())]

    def json_or_none(self, name, address):
        """Return the document that a reader gets; None for any other answer than 200."""
        answer = self.ask(address, actor=name)
        return orjson.loads(answer.content) if answer.status_code == 200 else None


def _is_heavy(address):
    return address.startswith(_ALONE) or "limit=all" in address


def _is_over(body):
    return LAST.encode() in body


def differ(one, other):
    """Whether two answers differ in more than the moment that they were given."""
    return one != other and (one[:2] != other[:2] or _plain(one) != _plain(other))


def _plain(answer):
    _, headers, body = answer
    file = told(headers.get("content-type", ""), body)
    if file is not None:
        return file
    is_text = headers.get("content-type", "").startswith(("text", "application/"))
    return plain(body.decode("utf-8", "replace")) if is_text else body


@contextmanager
def serving(url, actors):
    """Serve a database to some readers."""
    running = Readers(url, actors)
    try:
        yield running
    finally:
        running.close()
