"""The supervisor: it keeps N web workers on one listening socket and an ingest process beside them, until cancelled.

A worker that dies is started again, after a longer pause each time it dies at once. Meanwhile connections wait in the
socket, which belongs to the supervisor and is never closed.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
import urllib.error
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from layers.cluster.programs import KEEP_MEMORY
from layers.errors import Unavailable
from server.installation import CODE
from server.processes.own_health import read_health
from server.processes.pulse import Pulse
from server.recovery.backup import has_backup_folder
from server.settings import DatabaseSettings, Settings
from server.wire.listen import Listening

_STOP_SECONDS_MAX = 10
_HEALTHY_SECONDS_MAX = 120
_PAUSE_SECONDS_MAX = 30
_LONG_LIFE_SECONDS = 60
_LOOK_SECONDS = 30
_PROGRAM = "import gc; gc.disable(); from {} import main; gc.enable(); main()"  # imported modules are never garbage


async def supervise(settings: Settings, listening: Listening, ready: Callable[[dict[str, Any]], None]) -> None:
    """Run the workers until cancelled.

    Parameters
    ----------
    settings
        `database.url` is set.
    listening
        From `server.wire.listen`.
    ready
        Called once with the body of `/health`, when its status is 200.

    Raises
    ------
    Unavailable
        When no worker becomes healthy in time, or one dies before that; its own message is on standard error.
    """
    healthy = asyncio.Event()
    keepers = [asyncio.create_task(_keep(settings, listening, healthy)) for _ in range(settings.server.workers)]
    try:
        waiting = asyncio.create_task(_wait_until_healthy(listening.address, settings))
        await asyncio.wait([waiting, *keepers], return_when=asyncio.FIRST_COMPLETED)
        for keeper in keepers:
            if keeper.done():
                waiting.cancel()
                await keeper  # raises its error
        ready(await waiting)
        healthy.set()
        if settings.feeds.ingest:  # only now: on a small machine the web workers come first
            keepers.append(
                asyncio.create_task(_keep_beside(settings, "server.processes.ingest", "接入进程 the ingest process"))
            )
        keepers.append(asyncio.create_task(_keep_backups(settings)))
        if settings.demo.enabled and settings.demo.live:
            city = _as_client(settings, listening)
            keepers.append(asyncio.create_task(_keep_beside(city, "server.processes.city", "演示城市 the demo city")))
        await asyncio.gather(*keepers)
    finally:
        for task in keepers:
            task.cancel()
        await asyncio.gather(*keepers, return_exceptions=True)


async def _keep(settings: Settings, listening: Listening, healthy: asyncio.Event) -> None:
    """Keep one worker alive; before the first worker is healthy, a death is raised and not repeated."""
    pause_s, settings = 0.0, _as_web(settings)
    while True:
        began = time.monotonic()
        code = await _run(settings, "server.processes.worker", listening)
        if not healthy.is_set():
            raise Unavailable(f"a web worker ended with code {code} before it could serve; see its message above")
        pause_s = 0.1 if time.monotonic() - began > _LONG_LIFE_SECONDS else min(pause_s * 2 + 0.1, _PAUSE_SECONDS_MAX)
        print(f"网页进程意外结束，重新启动 a web worker ended ({code}); starting another", file=sys.stderr)  # noqa: T201
        await asyncio.sleep(pause_s)


async def _keep_backups(settings: Settings) -> None:
    """Keep the backup process alive, from the moment there is a folder of backups: the first backup may name it."""
    while not has_backup_folder(settings):  # noqa: ASYNC110  # another process records it in a file
        await asyncio.sleep(_LOOK_SECONDS)
    await _keep_beside(settings, "server.processes.backups", "备份进程 the backup process")


def _as_web(settings: Settings) -> Settings:
    """Return the settings of web workers: they answer strangers and get only the login with the fewest rights."""
    database = settings.database
    login = database.model_copy(update={"url": database.web_url or database.url, "web_url": None})
    return settings.model_copy(update={"database": login})


def _as_client(settings: Settings, listening: Listening) -> Settings:
    """Return the settings of a client of the service: its address, and no database."""
    server = settings.server.model_copy(update={"public_url": listening.address})
    return settings.model_copy(update={"server": server, "database": DatabaseSettings()})


async def _keep_beside(settings: Settings, module: str, name: str) -> None:
    """Keep a process alive beside the web workers; its death does not end them."""
    pause_s = 0.0
    while True:
        began = time.monotonic()
        code = await _run(settings, module)
        pause_s = 0.1 if time.monotonic() - began > _LONG_LIFE_SECONDS else min(pause_s * 2 + 0.1, _PAUSE_SECONDS_MAX)
        print(f"意外结束，重新启动 {name} ended ({code}); starting another", file=sys.stderr)  # noqa: T201
        await asyncio.sleep(pause_s)


async def _run(settings: Settings, module: str, listening: Listening | None = None) -> int:
    """Run one of our programs to its end, with settings by a pipe and with sockets; kill it when it hangs."""
    with Pulse() as pulse:
        sockets, descriptors = (listening.arguments(), listening.descriptors()) if listening else ((), ())
        process = subprocess.Popen(  # noqa: S603, ASYNC220  # our own program; starting it takes a millisecond
            [sys.executable, "-P", "-c", _PROGRAM.format(module), *sockets, str(pulse.far_end)],
            stdin=subprocess.PIPE,
            bufsize=0,
            pass_fds=(*descriptors, pulse.far_end),
            cwd="/",
            env=KEEP_MEMORY | os.environ | {"PYTHONPATH": str(CODE)},
            start_new_session=True,  # Ctrl-C reaches the supervisor alone, which stops things in order
        )
        pulse.hand_over()
        with process:  # its input stays open until it has ended: see server/processes/worker.py
            watching = asyncio.create_task(_end_when_hung(process, module, pulse, settings.server.hung_s))
            try:
                assert process.stdin is not None  # noqa: S101  # for the type checker
                with suppress(BrokenPipeError):  # it died before it read; its exit code is returned
                    process.stdin.write(settings.model_dump_json().encode() + b"\n")
                return await _wait(process)
            finally:
                watching.cancel()
                await _end(process)


async def _end_when_hung(process: subprocess.Popen[bytes], module: str, pulse: Pulse, patience_s: float) -> None:
    await pulse.fails(patience_s)
    print(f"进程无响应，结束它 {module} shows no sign of life for {patience_s:g} s; ending it", file=sys.stderr)  # noqa: T201
    process.kill()


async def _wait(process: subprocess.Popen[bytes]) -> int:
    """Wait for a process without a thread: its pidfd becomes readable when it ends; return its exit code."""
    loop, descriptor = asyncio.get_running_loop(), os.pidfd_open(process.pid)
    over = asyncio.Event()
    loop.add_reader(descriptor, over.set)
    try:
        await over.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
    return process.wait()


async def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        return
    process.terminate()
    try:
        await asyncio.wait_for(_wait(process), _STOP_SECONDS_MAX)
    except TimeoutError:
        process.kill()
        await _wait(process)


async def _wait_until_healthy(address: str, settings: Settings) -> dict[str, Any]:
    deadline = time.monotonic() + _HEALTHY_SECONDS_MAX
    detail = "nothing"
    while time.monotonic() < deadline:
        try:
            return await asyncio.to_thread(read_health, address, settings)
        except urllib.error.HTTPError as error:
            detail = f"{error.code}: {error.read(500).decode(errors='replace')}"
        except OSError as error:
            detail = str(error)
        await asyncio.sleep(0.05)
    raise Unavailable(f"{address}/health did not answer 200 in {_HEALTHY_SECONDS_MAX} s; it said {detail}")
