"""A connection that listens to PostgreSQL's notifications, and is made again when it is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress

import asyncpg
import structlog

from layers.database.connection import Role, connect
from layers.database.faults import DATABASE_ERRORS

_RETRY_SECONDS = 0.5
_log = structlog.get_logger(__name__)

type Heard = Callable[[str], None]


class Listener:
    """Runs work when it is woken: by a notification, by the loss of the connection, or by `wake`.

    Parameters
    ----------
    url
        The database; the connection is in the reading role.
    work
        Is run on the connection once it listens, and whenever it was woken. Because it runs after listening has begun,
        nothing that is announced meanwhile is missed.
    heard
        By channel: what to do at once with a notification's text; None only wakes.
    lost
        Is called when the connection is gone, before a new one is tried.
    """

    def __init__(
        self,
        url: str,
        work: Callable[[asyncpg.Connection], Awaitable[None]],
        heard: Mapping[str, Heard | None],
        lost: Callable[[], None] = lambda: None,
    ) -> None:
        self._url, self._work, self._heard, self._lost = url, work, heard, lost
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._connection: asyncpg.Connection | None = None
        self._is_over = False

    async def start(self) -> None:
        """Connect, work once, and go on in the background.

        Raises
        ------
        Unavailable
            When the database cannot be reached now; later outages are waited out.
        """
        self._is_over = False
        await self._listen()
        self._task = asyncio.create_task(self._follow(), name="listener")

    async def stop(self) -> None:
        """Stop listening."""
        self._is_over = True  # a connection that breaks now may raise its own error in place of the cancellation
        if self._task:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        if self._connection and not self._connection.is_closed():
            await self._connection.close()

    def wake(self) -> None:
        """Have the work done soon; any number of calls before it begins are one."""
        self._wake.set()

    async def _listen(self) -> None:
        connection = self._connection = await connect(self._url, Role.READ)
        try:
            for channel, heard in self._heard.items():
                await connection.add_listener(channel, self._on_notification(heard))
            connection.add_termination_listener(self._on_lost)
            await self._work(connection)
        except BaseException:  # cancelled included: nobody else would end it
            connection.terminate()
            raise

    def _on_notification(self, heard: Heard | None) -> Callable[..., None]:
        def on_notification(_connection: object, _pid: int, _channel: str, text: str) -> None:
            if heard is None:
                self.wake()
            else:
                heard(text)

        return on_notification

    def _on_lost(self, *_: object) -> None:
        self._lost()
        self.wake()

    async def _follow(self) -> None:
        while not self._is_over:
            await self._wake.wait()
            self._wake.clear()
            try:
                if self._connection is None or self._connection.is_closed():
                    await self._listen()
                else:
                    await self._work(self._connection)
            except DATABASE_ERRORS as error:
                _log.warning("the database does not answer; trying again", error=str(error))
            except Exception:  # noqa: BLE001  # a fault of the work must not end the listening
                _log.exception("what was to be done on a notification failed; trying again")
            else:
                continue
            await asyncio.sleep(_RETRY_SECONDS)
            self.wake()
