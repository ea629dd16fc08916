"""Accepting connections from the socket that all workers share, so that they share the load.

Left to the kernel, the first worker to wake accepts all that wait, and of sixteen connections one worker often holds
fifteen. Here a worker accepts one at a time, after a delay that grows with the connections it holds: the worker with
the fewest is the first. A busy or hung worker accepts none, and no connection waits for one worker in particular.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from collections.abc import Callable, Sized

HESITATION_SECONDS_MAX = 0.008
_HALF_HESITATION = 16  # connections at which a worker waits half the longest delay
HANDSHAKE_SECONDS_MAX = 10.0
_FULL_SECONDS = 0.1  # until the next attempt when there are no descriptors
_GONE = {errno.ECONNABORTED, errno.EPROTO, errno.EPERM, errno.ENETDOWN, errno.EHOSTUNREACH}


def hesitation_s(held: int) -> float:
    """Return the seconds a worker with so many connections waits before it accepts another."""
    return HESITATION_SECONDS_MAX * held / (held + _HALF_HESITATION)


class Acceptor:
    """Accepts connections of the shared socket for one worker.

    Parameters
    ----------
    listening
        The socket; it stays open when the acceptor closes.
    held
        The worker's connections.
    protocol
        Makes the protocol that serves a connection.
    secure
        Returns the context of TLS for a connection; None speaks without TLS.
    """

    def __init__(
        self,
        listening: socket.socket,
        held: Sized,
        protocol: Callable[[], asyncio.Protocol],
        secure: Callable[[], ssl.SSLContext] | None = None,
    ) -> None:
        self._listening, self._held, self._protocol, self._secure = listening, held, protocol, secure
        self._loop = asyncio.get_running_loop()
        self._hesitating: asyncio.TimerHandle | None = None
        self._connecting: set[asyncio.Task[object]] = set()
        self._closed = False
        listening.setblocking(False)  # noqa: FBT003  # a C function
        self._watch()

    def close(self) -> None:
        """Accept no more."""
        self._closed = True
        self._loop.remove_reader(self._listening)
        if self._hesitating:
            self._hesitating.cancel()

    def _watch(self) -> None:
        if not self._closed:
            self._loop.add_reader(self._listening, self._hesitate)

    def _hesitate(self) -> None:
        self._loop.remove_reader(self._listening)
        self._hesitating = self._loop.call_later(hesitation_s(len(self._held) + len(self._connecting)), self._take)

    def _take(self) -> None:
        try:
            connection, _ = self._listening.accept()
        except BlockingIOError:  # another worker was faster
            return self._watch()
        except OSError as error:
            pause_s = 0.0 if error.errno in _GONE else _FULL_SECONDS
            self._hesitating = self._loop.call_later(pause_s, self._watch)
            return None
        connection.setblocking(False)  # noqa: FBT003  # a C function
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connecting = self._loop.create_task(self._connect(connection))
        self._connecting.add(connecting)
        connecting.add_done_callback(self._on_connected)
        self._watch()
        return None

    async def _connect(self, connection: socket.socket) -> None:
        """Serve a connection; a client that does not complete the handshake of TLS in time is let go."""
        context = self._secure() if self._secure else None
        patience_s = HANDSHAKE_SECONDS_MAX if context else None
        await self._loop.connect_accepted_socket(
            self._protocol, connection, ssl=context, ssl_handshake_timeout=patience_s
        )

    def _on_connected(self, task: asyncio.Task[object]) -> None:
        self._connecting.discard(task)
        if not task.cancelled():
            task.exception()  # the client has gone already
