"""Applications in this process, and requests to them by callers of our choice, without a client between."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from itertools import cycle
from typing import Any, Self

from fastapi import FastAPI
from starlette.types import Message

from layers.actor import Actor
from server.app import create_app
from server.identity.auth import Authenticator
from server.identity.identity import Identity
from server.identity.subject import AuthMethod, Subject
from server.processes.garbage import search_seldom
from server.settings import Settings

HEADER = "x-bench-actor"
_LIMITS = ("answer_features", "hour_features", "sensitive_answer_features", "sensitive_hour_features")
UNAPPROVED = dict.fromkeys(_LIMITS, 1_000_000_000)
"""Settings of exports: nobody has to ask for an approval of what is read to measure."""
AT_ONCE = 8


class NamedCallers(Authenticator):
    """Believes whoever a header names."""

    def __init__(self, actors: Mapping[str, Actor]) -> None:
        super().__init__()
        self._actors = actors

    async def authenticate(self, scope: Any, address: str, cookie: Callable[[], str | None] = lambda: None) -> Identity:
        """Return the identity of the named actor, or nobody's."""
        name = dict(scope["headers"]).get(HEADER.encode())
        if name is None:
            return await super().authenticate(scope, address, cookie)
        actor = self._actors[name.decode()]
        return Identity(Subject(actor.subject, actor.subject, actor.roles, method=AuthMethod.TOKEN), actor)


class InProcess:
    """One application; `async with` starts it."""

    def __init__(self, settings: Settings, actors: Mapping[str, Actor]) -> None:
        self.app: FastAPI = create_app(settings)
        self._actors = actors
        self._lifespan: AbstractAsyncContextManager[Any] = self.app.router.lifespan_context(self.app)

    async def __aenter__(self) -> Self:
        """Start it, with the garbage collection of a web worker."""
        await self._lifespan.__aenter__()
        search_seldom()
        self.app.state.shared = replace(self.app.state.shared, authenticator=NamedCallers(self._actors))
        return self

    async def __aexit__(self, *error: object) -> None:
        """Stop it."""
        await self._lifespan.__aexit__(None, None, None)

    async def get(self, target: str, actor: str) -> int:
        """Return the status of a request whose body is read to its end."""
        path, _, query = target.partition("?")
        status = 0

        async def send(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)

        async def receive() -> Message:
            return {"type": "http.request", "body": b"", "more_body": False}

        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
            "path": path, "raw_path": path.encode(), "query_string": query.encode(), "root_path": "", "state": {},
            "headers": [(b"host", b"map.test"), (b"accept", b"application/json"), (HEADER.encode(), actor.encode())],
            "client": ("127.0.0.1", 50_000), "server": ("127.0.0.1", 80),
        }  # fmt: skip
        await self.app(scope, receive, send)
        return status

    async def get_all(self, targets: list[str], actor: str, count: int) -> None:
        """Request addresses in turn, eight at a time."""
        left = iter([target for target, _ in zip(cycle(targets), range(count), strict=False)])

        async def one() -> None:
            for target in left:
                status = await self.get(target, actor)
                if status not in {200, 204}:
                    raise RuntimeError(f"{target} answered {status}")

        await asyncio.gather(*(one() for _ in range(AT_ONCE)))
