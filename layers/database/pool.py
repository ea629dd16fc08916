"""A pool of connections that answers within its limits, whatever the database does and whoever else asks.

It adds to asyncpg's pool: an order of callers (`admission.py`), a limit of every wait, an end of connections to a
server that hangs, errors in our words, and a bound of bytes for prepared statements (`statements.py`).
"""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg

from layers.database.admission import Admission, Caller
from layers.errors import Away

RELEASE_SECONDS_MAX = 1.0  # a connection that does not come to rest by then is given up


class Pool(asyncpg.Pool):  # type: ignore[misc]  # asyncpg ships no types
    """Connections for one kind of work.

    Parameters
    ----------
    patience_s
        How long a caller waits for its turn, and then for a connection, at most.
    """

    def __init__(self, *arguments: Any, patience_s: float, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.admission = Admission(options["max_size"], patience_s)
        self._patience_s = patience_s
        self._let_in: dict[object, Caller | None] = {}

    async def _acquire(self, timeout: float | None) -> Any:  # noqa: ASYNC109  # asyncpg's own signature
        """Wait for the caller's turn and connect.

        Raises
        ------
        Away
            When its turn does not come in time, or the server cannot be reached.
        """
        caller = await self.admission.enter()
        try:
            async with asyncio.timeout(self._patience_s):
                connection = await super()._acquire(timeout)
        except BaseException as error:
            self.admission.leave(caller)
            if isinstance(error, Exception):  # whatever asyncpg makes of it: nothing was asked of the database yet
                raise Away(f"the database does not let us in: {str(error) or type(error).__name__}") from error
            raise
        self._let_in[connection] = caller
        return connection

    async def release(self, connection: Any, *, timeout: float | None = None) -> None:  # noqa: ASYNC109  # as above
        """Give a connection back; one that is still waiting for a hung server is closed."""
        try:
            await super().release(connection, timeout=timeout or RELEASE_SECONDS_MAX)
        except TimeoutError:
            pass  # asyncpg has ended it, and makes another
        finally:
            if connection in self._let_in:
                self.admission.leave(self._let_in.pop(connection))
