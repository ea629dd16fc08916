"""An application served over HTTP in this process, and asked by another one, whose work does not count."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Iterator
from typing import Self

import httpx
import uvicorn

from benchmarks.rights.callers import AT_ONCE, HEADER, InProcess
from server.wire.connection import ClientConnection


class OverHttp:
    """One application with the connections of a web worker; `async with` starts it and whoever asks it."""

    def __init__(self, application: InProcess) -> None:
        self._application = application
        config = uvicorn.Config(
            application.app, port=0, http=ClientConnection, lifespan="off", access_log=False, log_level="warning"
        )
        self._server = uvicorn.Server(config)
        self._serving: asyncio.Task[None] | None = None
        self._asker: Process | None = None

    async def __aenter__(self) -> Self:
        """Start both."""
        await self._application.__aenter__()
        self._serving = asyncio.create_task(self._server.serve())
        while not self._server.started:  # noqa: ASYNC110  # uvicorn has no event for it
            await asyncio.sleep(0.01)
        port = self._server.servers[0].sockets[0].getsockname()[1]
        self._asker = await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-m", __name__, str(port), stdin=PIPE, stdout=PIPE
        )
        return self

    async def __aexit__(self, *error: object) -> None:
        """Stop both."""
        assert self._asker is not None  # noqa: S101  # set at the start
        assert self._serving is not None  # noqa: S101
        self._asker.terminate()
        await self._asker.wait()
        self._server.should_exit = True
        await self._serving
        await self._application.__aexit__(*error)

    async def get_all(self, target: str, actor: str, count: int) -> None:
        """Request an address so many times, eight at a time.

        Raises
        ------
        RuntimeError
            When an answer is not 200 or 204.
        """
        assert self._asker is not None  # noqa: S101
        assert self._asker.stdin is not None  # noqa: S101
        assert self._asker.stdout is not None  # noqa: S101
        self._asker.stdin.write(f"{count} {actor} {target}\n".encode())
        if (said := await self._asker.stdout.readline()) != b"done\n":
            raise RuntimeError(f"{target} answered {said.decode()}")


async def _ask(port: int) -> None:
    """Make the requests that the lines of standard input name: their number, who asks, the address."""
    limits = httpx.Limits(max_connections=AT_ONCE)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", limits=limits, timeout=60) as client:
        while line := await asyncio.to_thread(sys.stdin.readline):
            count, actor, target = line.split()
            left = iter(range(int(count)))
            found = await asyncio.gather(*(_statuses(client, target, actor, left) for _ in range(AT_ONCE)))
            unusual = set().union(*found) - {200, 204}
            sys.stdout.write(f"{unusual or 'done'}\n")
            sys.stdout.flush()


async def _statuses(client: httpx.AsyncClient, target: str, actor: str, left: Iterator[int]) -> set[int]:
    return {(await client.get(target, headers={HEADER: actor})).status_code for _ in left}


if __name__ == "__main__":
    asyncio.run(_ask(int(sys.argv[1])))
