"""The real application, served to tests on a free port of this machine."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn

from server.settings import Settings, load_settings

OPERATOR_TOKEN = "a-token-of-the-tests"  # opens nothing but the tests' own server
OPERATOR = {"Authorization": f"Bearer {OPERATOR_TOKEN}"}
_START_SECONDS_MAX = 180


@contextmanager
def running_app(settings: Settings, port: int = 0) -> Iterator[str]:
    """Serve the application and yield its address; port 0 is any free one."""
    from server.app import create_app  # noqa: PLC0415  # tests of the lower packages need no web

    with socket.socket() as listening:
        listening.bind(("127.0.0.1", port))
        config = uvicorn.Config(
            create_app(settings), log_level="warning", access_log=False, lifespan="on", proxy_headers=False
        )
        server = _ReadyServer(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, name="live_server")
        thread.start()
        try:
            server.ready.wait(_START_SECONDS_MAX)
            assert server.started, "the application did not start; see the captured log"
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(_START_SECONDS_MAX)
            assert not thread.is_alive(), "the application did not end"


@contextmanager
def running_for_operator(home: Path, url: str, *, port: int = 0, **settings: Any) -> Iterator[str]:
    """Serve the application over a database and yield its address; `OPERATOR_TOKEN` is that of its operator."""
    (home / "operator-token").write_text(OPERATOR_TOKEN, encoding="ascii")
    with running_app(load_settings(home=home, database={"url": url}, **settings), port) as address:
        yield address


class _ReadyServer(uvicorn.Server):
    """A uvicorn with an event that is set once it answers, or has failed to start."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            await super().startup(sockets)
        finally:
            self.ready.set()
