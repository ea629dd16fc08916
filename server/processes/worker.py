"""One web worker: ``python -m server.processes.worker FD,… [FD,… [FD]]``, with the settings as JSON on standard input.

The first argument holds the descriptors of the public sockets, the second those of the operators' (``-`` for none), and
the third the descriptor that receives signs of life (`server.processes.pulse`).

The settings come by a pipe because they may hold a password, which a command line would show to everybody. The pipe
stays open: when it closes, the parent is gone, and the worker ends too.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import sys

import uvicorn
from uvicorn.lifespan.on import LifespanOn, LifespanSendMessage

from layers.cluster.home import OURS
from layers.database.faults import in_words
from layers.errors import OneMapError
from server.app import create_app
from server.http.planes import OPERATORS, PLANE, PUBLIC
from server.live.socket import MESSAGE_BYTES_MAX
from server.processes.accept import Acceptor
from server.processes.garbage import search_seldom
from server.processes.logs import configure_logs
from server.processes.pulse import beat
from server.settings import Settings
from server.state import State
from server.wire.certificate import Certificate
from server.wire.connection import ClientConnection, SaySeldom, open_many
from server.wire.listen import Listening

GRACE_SECONDS = 5


class _Lifespan(LifespanOn):
    """Reports in words why the application cannot start, where a message is known; uvicorn prints a traceback."""

    async def send(self, message: LifespanSendMessage) -> None:
        error = sys.exception()  # the one the application is handling
        known = error if isinstance(error, OneMapError) else in_words(error) if error else None
        if message["type"] == "lifespan.startup.failed" and known is not None:
            message = {"type": "lifespan.startup.failed", "message": f"the web worker cannot start: {known.message}"}
        await super().send(message)


class _Server(uvicorn.Server):
    def __init__(
        self, config: uvicorn.Config, listening: Listening, certificate: Certificate | None, pulse: int | None
    ) -> None:
        super().__init__(config)
        self._listening, self._certificate, self._pulse = listening, certificate, pulse

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:  # noqa: ARG002  # `listening` has them
        loop = asyncio.get_running_loop()
        loop.add_reader(sys.stdin.fileno(), self._parent_is_gone)
        await super().startup([])
        self._acceptors = [self._acceptor(one, PUBLIC) for one in self._listening.public]
        self._acceptors += [self._acceptor(one, OPERATORS) for one in self._listening.operators]
        if self._pulse is not None:
            self._beating = loop.create_task(beat(self._pulse), name="pulse")
        search_seldom()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for acceptor in self._acceptors:
            acceptor.close()
        state: State | None = getattr(self.config.app.state, "shared", None)  # type: ignore[union-attr]  # always an application here
        if state is not None:
            state.tail.hang_up()  # streams never end by themselves
        await super().shutdown(sockets)

    def _acceptor(self, listening: socket.socket, plane: str) -> Acceptor:
        state = {**self.lifespan.state, PLANE: plane}

        def protocol() -> asyncio.Protocol:
            return ClientConnection(config=self.config, server_state=self.server_state, app_state=state)

        secure = self._certificate.context if self._certificate else None
        return Acceptor(listening, self.server_state.connections, protocol, secure)

    def _parent_is_gone(self) -> None:
        asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
        self.should_exit = True


def main() -> None:
    """Serve until the parent is gone or a signal arrives."""
    os.umask(OURS)
    configure_logs()
    open_many()
    settings = Settings.model_validate_json(sys.stdin.buffer.readline())
    server = settings.server
    certificate = (
        Certificate(server.tls_certificate, server.tls_key) if server.tls_certificate and server.tls_key else None
    )
    config = uvicorn.Config(
        create_app(settings),
        loop="uvloop",
        http=ClientConnection,
        lifespan="on",
        access_log=False,
        proxy_headers=False,  # server.http.gateway reads them
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
        ws_max_size=MESSAGE_BYTES_MAX,
        ws_per_message_deflate=False,  # a compressor a client costs more memory than the client
    )
    config.load()
    config.lifespan_class = _Lifespan
    logging.getLogger("uvicorn.error").addFilter(SaySeldom())
    listening = Listening.inherited(*sys.argv[1:3], is_secure=certificate is not None)
    pulse = int(sys.argv[3]) if len(sys.argv) > 3 else None
    _Server(config, listening, certificate, pulse).run(sockets=list(listening.public))


if __name__ == "__main__":
    main()
