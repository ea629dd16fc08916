"""A line to the server that can be cut and mended, and knows what is asked over it."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit


class Relay:
    """Passes connections on to a server.

    Parameters
    ----------
    target
        Address of the server.

    Attributes
    ----------
    address
        To ask instead of the server's own.
    """

    def __init__(self, target: str) -> None:
        place = urlsplit(target)
        self._target = (str(place.hostname), int(place.port or 80))
        self._open: dict[socket.socket, bytes] = {}
        self._lock = threading.Lock()
        self._listening = self._listen(0)
        self.port = self._listening.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"

    def open_on(self, path: bytes) -> int:
        """Return the number of open connections whose last request began with this path."""
        with self._lock:
            return sum(last.startswith(b"GET " + path) for last in self._open.values())

    def cut(self) -> None:
        """Break every connection, and accept no more."""
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        with self._lock:
            broken, self._open = [*self._open], {}
        for one in broken:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        """Accept connections again."""
        self._listening = self._listen(self.port)

    def _listen(self, port: int) -> socket.socket:
        listening = socket.create_server(("127.0.0.1", port), reuse_port=False)
        threading.Thread(target=self._accept, args=[listening], daemon=True).start()
        return listening

    def _accept(self, listening: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = listening.accept()
                with self._lock:
                    self._open[near] = b""
                threading.Thread(target=self._serve, args=[near], daemon=True).start()

    def _serve(self, near: socket.socket) -> None:
        with contextlib.suppress(OSError), near, socket.create_connection(self._target) as far:
            back = threading.Thread(target=_pass, args=[far, near], daemon=True)
            back.start()
            with contextlib.suppress(OSError):
                while chunk := near.recv(65_536):
                    with self._lock:
                        if near in self._open:
                            self._open[near] = chunk
                    far.sendall(chunk)
            with contextlib.suppress(OSError):
                far.shutdown(socket.SHUT_RDWR)
            back.join()
        with self._lock:
            self._open.pop(near, None)


def _pass(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while chunk := source.recv(65_536):
            target.sendall(chunk)
        target.shutdown(socket.SHUT_RDWR)


@contextmanager
def relay_to(address: str) -> Iterator[Relay]:
    """Yield a relay to a server."""
    relay = Relay(address)
    try:
        yield relay
    finally:
        with contextlib.suppress(OSError):
            relay.cut()
