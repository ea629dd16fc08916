"""A pool of connections that responds within its limits, whatever the database and other callers do.

It adds to asyncpg's pool: admission of callers (`admission.py`), a limit for every wait, the end of connections to a
hung server, errors of OneMap, and a bound in bytes for prepared statements (`statements.py`).
"""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg

from layers.database.admission import Admission, Caller
from layers.errors import Away

RELEASE_SECONDS_MAX = 1.0  # a connection that is still busy then is closed


class Pool(asyncpg.Pool):  # type: ignore[misc]  # asyncpg ships no types
    """Connections for one kind of work.

    Parameters
    ----------
    patience_s
        The longest time in seconds that a caller waits for its turn, and then for a connection.
    """

    def __init__(self, *arguments: Any, patience_s: float, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.admission = Admission(options["max_size"], patience_s)
        self._patience_s = patience_s
        self._admitted: dict[object, Caller | None] = {}

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
            if isinstance(error, Exception):  # whatever asyncpg raises: no statement was sent yet
                raise Away(f"the database does not let us in: {str(error) or type(error).__name__}") from error
            raise
        self._admitted[connection] = caller
        return connection

    async def release(self, connection: Any, *, timeout: float | None = None) -> None:  # noqa: ASYNC109  # as above
        """Give a connection back; close it when it still waits for a hung server."""
        try:
            await super().release(connection, timeout=timeout or RELEASE_SECONDS_MAX)
        except TimeoutError:
            pass  # asyncpg has closed it, and opens another
        finally:
            if connection in self._admitted:
                self.admission.leave(self._admitted.pop(connection))
