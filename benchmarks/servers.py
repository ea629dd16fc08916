"""Servers on 127.0.0.1, started and stopped: ours as `onemap up` does it, the peers in their own way."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from server.processes.supervisor import supervise
from server.settings import Settings, load_settings
from server.wire.listen import Listening, listen

WORKERS = 2
_START_SECONDS_MAX = 60
_STOP_SECONDS_MAX = 15
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # no proxy between us and 127.0.0.1


@dataclass(frozen=True, slots=True)
class Command:
    """The command line of a server, and the path that returns 200 once it serves."""

    arguments: tuple[str, ...]
    environment: dict[str, str]
    ready_path: str


def get(address: str, timeout_s: float = 60) -> bytes:
    """Fetch an address of this machine.

    Raises
    ------
    RuntimeError
        When the status is not 200.
    """
    try:
        with _OPENER.open(urllib.request.Request(address, headers={"Accept": "*/*"}), timeout=timeout_s) as answer:
            body: bytes = answer.read()
            return body
    except urllib.error.HTTPError as error:
        raise RuntimeError(f"{address} answered {error.code}: {error.read(300).decode(errors='replace')}") from error


def free_port() -> int:
    """Return a free port."""
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        port: int = trial.getsockname()[1]
        return port


@contextmanager
def running(command: Command, port: int, log: Path) -> Iterator[str]:
    """Run a server in a process group of its own; yield its address once it responds."""
    address = f"http://127.0.0.1:{port}"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command.arguments,
            env=_environment() | command.environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _wait(address + command.ready_path, process, log)
        yield address
    finally:
        _end_group(process)


UNLIMITED = {"anonymous_per_s": 0, "known_per_s": 0}
"""Settings of limits: a measurement sends more from one address than a house of readers."""


@contextmanager
def running_ours(url: str, home: Path, **overrides: Any) -> Iterator[str]:
    """Run our server with the supervisor and the settings of `onemap up`; yield its address once it is healthy."""
    limits = {**UNLIMITED, **overrides.pop("limits", {})}
    address = {"port": 0, "workers": WORKERS, **overrides.pop("server", {})}
    settings = load_settings(home=home, database={"url": url}, server=address, limits=limits, **overrides)
    with listen(settings.server) as listening:
        server = _Ours(settings, listening)
        server.start()
        try:
            server.wait()
            yield listening.address
        finally:
            server.stop()


class _Ours(threading.Thread):
    """The supervisor in a thread; it only waits for its workers, which are processes."""

    def __init__(self, settings: Settings, listening: Listening) -> None:
        super().__init__(name="supervisor", daemon=True)
        self._settings = settings
        self._listening = listening
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._fault: BaseException | None = None

    def run(self) -> None:
        try:
            with asyncio.Runner() as runner:
                self._loop = runner.get_loop()
                runner.run(self._supervise())
        except asyncio.CancelledError:
            pass
        except BaseException as error:  # noqa: BLE001  # raised again by wait(), in the thread that calls it
            self._fault = error
        finally:
            self._ready.set()

    async def _supervise(self) -> None:
        self._task = asyncio.create_task(supervise(self._settings, self._listening, lambda _: self._ready.set()))
        await self._task

    def wait(self) -> None:
        self._ready.wait(_START_SECONDS_MAX)
        if self._fault is not None:
            raise RuntimeError(f"our server did not start: {self._fault}") from self._fault

    def stop(self) -> None:
        if self._loop is not None and self._task is not None and self.is_alive():
            self._loop.call_soon_threadsafe(self._task.cancel)
        self.join(_STOP_SECONDS_MAX)


def _environment() -> dict[str, str]:
    """Return our environment without variables that would configure a server."""
    prefixes = ("PG", "PYGEOAPI", "TIPG", "ONEMAP_", "PYTHON", "DATABASE_URL")
    return {name: value for name, value in os.environ.items() if not name.startswith(prefixes)}


def _wait(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS_MAX
    while time.monotonic() < deadline and process.poll() is None:
        try:
            get(address, timeout_s=5)
        except (OSError, RuntimeError):
            time.sleep(0.1)
        else:
            return
    tail = log.read_text(encoding="utf-8", errors="replace")[-2000:]
    raise RuntimeError(f"{address} did not respond; the server's log:\n{tail}")


def _end_group(process: subprocess.Popen[bytes]) -> None:
    for how in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is None:
            os.killpg(process.pid, how)
            try:
                process.wait(_STOP_SECONDS_MAX)
            except subprocess.TimeoutExpired:
                continue
