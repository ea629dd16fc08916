"""A gateway between the client and the real server: it refuses, and it cuts connections, when a test says so."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

_PIECE = 16 * 1024


class Gateway:
    """Forwards bytes to a server.

    Attributes
    ----------
    refusals
        Whole answers that are given in the place of the server's, one a connection.
    connections
        How many connections there have been.
    answered_bytes
        After so many bytes of an answer its connection is cut; None is never.
    """

    def __init__(self, server: str) -> None:
        split = urlsplit(server)
        self._server = (split.hostname or "", split.port or 80)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self.refusals: list[bytes] = []
        self.connections = 0
        self.answered_bytes: int | None = None
        self.address = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Cut every connection."""
        for one in self._open:
            _shut(one)
        self._open.clear()

    def close(self) -> None:
        """Cut every connection, and take no more."""
        _shut(self._listening)
        self._listening.close()
        self.cut()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        if self.refusals:
            client.recv(_PIECE)
            client.sendall(self.refusals.pop(0))
            _shut(client)
            client.close()
            return
        with client, socket.create_connection(self._server) as server:
            self._open += [client, server]
            asking = threading.Thread(target=_forward, args=(client, server, None), daemon=True)
            asking.start()
            _forward(server, client, self.answered_bytes)
            asking.join()


def _forward(source: socket.socket, target: socket.socket, most: int | None) -> None:
    left = most
    with suppress(OSError):
        while (piece := source.recv(_PIECE)) and (left is None or left > 0):
            target.sendall(piece if left is None else piece[:left])
            left = None if left is None else left - len(piece)
    _shut(source)
    _shut(target)


def _shut(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)


def busy(status: str, retry_after: str) -> bytes:
    """Return an answer that sends the client away."""
    body = b'{"detail": "busy"}'
    head = (
        f"HTTP/1.1 {status}\r\nRetry-After: {retry_after}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body


@contextmanager
def gateway_to(server: str) -> Iterator[Gateway]:
    """Run a gateway."""
    gateway = Gateway(server)
    try:
        yield gateway
    finally:
        gateway.close()
