"""Judging a stream again: who asked for it may have lost its rights since."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from layers.actor import Actor
from layers.errors import OneMapError

type ActorNow = Callable[[], Awaitable[Actor]]
type Judge = Callable[[], Awaitable[Actor | None]]


def judge_of(ask: ActorNow) -> Judge:
    """Return a judge: the actor as it is now, None where its credentials are no longer good or cannot be checked."""

    async def judge() -> Actor | None:
        try:
            return await ask()
        except OneMapError:
            return None

    return judge
