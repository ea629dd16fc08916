"""Waiting for something to become so, with a deadline that only a broken program reaches."""

from __future__ import annotations

import inspect

import anyio

DEADLINE_S = 240


async def until(check, *, seconds=DEADLINE_S):
    """Ask until `check` (which may be a coroutine function) answers with something true, and return that."""
    said = None
    try:
        with anyio.fail_after(seconds):
            while True:
                said = check()
                if inspect.isawaitable(said):
                    said = await said
                if said:
                    return said
                await anyio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"it did not become so in {seconds} s; the last answer was {said!r}") from None
