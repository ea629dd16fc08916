"""COPY over a connection that PostgreSQL has just ended."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

import asyncpg


class CopyingConnection(asyncpg.Connection):  # type: ignore[misc]  # asyncpg ships no types
    """A connection whose COPY fails like every other statement when the server has ended the connection.

    Between the server's last message and the end of the socket asyncpg refuses to begin a COPY, but leaves the future
    of its response behind: a rollback then finds "another operation in progress", and the loop reports an error that
    nothing awaits.
    """

    async def copy_to_table(self, *arguments: Any, **options: Any) -> str:
        """Copy a source into a table; parameters and errors are asyncpg's."""
        return await self._copied(super().copy_to_table(*arguments, **options))

    async def copy_records_to_table(self, *arguments: Any, **options: Any) -> str:
        """Copy records into a table; parameters and errors are asyncpg's."""
        return await self._copied(super().copy_records_to_table(*arguments, **options))

    async def _copied(self, copying: Awaitable[str]) -> str:
        """Return the status of a COPY; close the connection when it broke just before.

        Raises
        ------
        asyncpg.ConnectionDoesNotExistError
            In place of asyncpg's internal error, so that callers retry as after any broken connection.
        """
        try:
            return await copying
        except asyncpg.InternalClientError as error:
            _ignore_lost_copies(asyncio.get_running_loop())
            self.terminate()
            raise asyncpg.ConnectionDoesNotExistError(f"the connection broke before a COPY: {error}") from error


def _ignore_lost_copies(loop: asyncio.AbstractEventLoop) -> None:
    """Keep the loop from reporting futures of broken connections: the caller of the connection has the error."""
    others = loop.get_exception_handler()
    if getattr(others, "ignores_lost_copies", False):
        return

    def handle(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if isinstance(context.get("exception"), asyncpg.ConnectionDoesNotExistError) and "future" in context:
            return
        if others:
            others(loop, context)
        else:
            loop.default_exception_handler(context)

    handle.ignores_lost_copies = True  # type: ignore[attr-defined]  # a mark, so that it is added once
    loop.set_exception_handler(handle)
