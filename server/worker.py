"""One web worker: ``python -m server.worker FD``, with the settings as a line of JSON on standard input.

The settings come by a pipe because they may hold a password, which a command line would show to everybody. The pipe
stays open: when it closes, whoever started us is gone, and we end too.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys

import uvicorn

from layers.cluster.home import OURS
from server.app import create_app
from server.garbage import search_seldom
from server.live_socket import MESSAGE_BYTES_MAX
from server.logs import configure_logs
from server.settings import Settings

GRACE_SECONDS = 5


class _Server(uvicorn.Server):
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        asyncio.get_running_loop().add_reader(sys.stdin.fileno(), self._parent_is_gone)
        await super().startup(sockets)
        search_seldom()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        tail = getattr(self.config.app.state, "tail", None)  # type: ignore[union-attr]  # ours is an application
        if tail is not None:
            tail.hang_up()  # streams have no end of their own
        await super().shutdown(sockets)

    def _parent_is_gone(self) -> None:
        asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
        self.should_exit = True


def main() -> None:
    """Serve until told to end."""
    os.umask(OURS)
    configure_logs()
    settings = Settings.model_validate_json(sys.stdin.buffer.readline())
    listening = socket.socket(fileno=int(sys.argv[1]))
    config = uvicorn.Config(
        create_app(settings),
        loop="uvloop",
        http="httptools",
        lifespan="on",
        access_log=False,
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
        ws_max_size=MESSAGE_BYTES_MAX,
        ws_per_message_deflate=False,  # a compressor a client costs more memory than the client
    )
    _Server(config).run(sockets=[listening])


if __name__ == "__main__":
    main()
