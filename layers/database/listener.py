"""A connection that listens to PostgreSQL's notifications and reconnects when it is lost."""

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

type NotificationHandler = Callable[[str], None]


async def channel_name(connection: asyncpg.Connection, channel: str) -> str:
    """Return the name under which this database tells of a channel; our roles alone can read it."""
    name: str = await connection.fetchval("SELECT onemap.channel($1)", channel)
    return name


class Listener:
    """Runs work when it wakes: on a notification, on the loss of the connection, or on `wake`.

    Parameters
    ----------
    url
        The database; the connection is in the reading role.
    work
        Runs on the connection once it listens, and at every wake-up. Because it runs after listening has begun, no
        notification is missed.
    handlers
        By channel, without the secret word of the database: the function that receives a notification's text at once;
        None only wakes.
    lost
        Is called when the connection is gone, before a reconnect.
    """

    def __init__(
        self,
        url: str,
        work: Callable[[asyncpg.Connection], Awaitable[None]],
        handlers: Mapping[str, NotificationHandler | None],
        lost: Callable[[], None] = lambda: None,
    ) -> None:
        self._url, self._work, self._handlers, self._lost = url, work, handlers, lost
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._connection: asyncpg.Connection | None = None
        self._is_over = False

    async def start(self) -> None:
        """Connect, work once, and continue in the background.

        Raises
        ------
        Unavailable
            When the database cannot be reached now; after later outages the listener reconnects.
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
        """Run the work soon; any number of calls before it begins count as one."""
        self._wake.set()

    async def _listen(self) -> None:
        connection = self._connection = await connect(self._url, Role.READ)
        try:
            for channel, handler in self._handlers.items():
                await connection.add_listener(await channel_name(connection, channel), self._on_notification(handler))
            connection.add_termination_listener(self._on_lost)
            await self._work(connection)
        except BaseException:  # cancellation included: nothing else would close it
            connection.terminate()
            raise

    def _on_notification(self, handler: NotificationHandler | None) -> Callable[..., None]:
        def on_notification(_connection: object, _pid: int, _channel: str, text: str) -> None:
            if handler is None:
                self.wake()
            else:
                handler(text)

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
