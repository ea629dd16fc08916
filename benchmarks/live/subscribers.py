"""The subscribers: a process of its own that holds many streams and measures the delay of changes.

It reads its request as JSON from standard input, writes ``ready`` when every stream has begun, and writes the delays
as JSON when standard input is closed.
"""

from __future__ import annotations

import asyncio
import re
import sys
from dataclasses import asdict, dataclass, field
from datetime import datetime
from time import process_time, time

import orjson
import uvloop

from benchmarks.live.http import KeptConnection

_TIME = re.compile(rb'"phenomenon_time":"([^"]+)"')
_AT_ONCE = 20  # streams that are opened at a time


@dataclass(slots=True)
class Delays:
    """The changes that all streams received, and their delays.

    Attributes
    ----------
    changes
        The number of changes over all streams.
    late_s
        The delay of each change, from its phenomenon time, which is when it was sent, to its arrival; at most a
        million.
    resyncs, broken
        Streams that had to start again, and streams that ended.
    """

    streams: int = 0
    changes: int = 0
    late_s: list[float] = field(default_factory=list)
    resyncs: int = 0
    broken: int = 0
    cpu_s: float = 0.0


class Subscribers:
    """Streams to one server."""

    def __init__(self, port: int, token: str, paths: list[str]) -> None:
        self._port, self._token, self._paths = port, token, paths
        self._delays = Delays(streams=len(paths))
        self._gate = asyncio.Semaphore(_AT_ONCE)
        self._began = 0
        self.ready = asyncio.Event()

    async def listen(self) -> Delays:
        """Listen until standard input is closed."""
        before = process_time()
        tasks = [asyncio.create_task(self._follow(path)) for path in self._paths]
        await self.ready.wait()
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.buffer.read)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._delays.cpu_s = process_time() - before
        return self._delays

    async def _follow(self, path: str) -> None:
        async with KeptConnection(self._port) as connection:
            async with self._gate:
                reader = await self._open(connection, path)
            self._began += 1
            if self._began == len(self._paths):
                self.ready.set()
            while piece := await reader.read(1 << 18):
                self._count(piece)
            self._delays.broken += 1

    async def _open(self, connection: KeptConnection, path: str) -> asyncio.StreamReader:
        """Open a stream and wait until it has begun; try again when a busy server refuses it."""
        while True:
            try:
                reader = await connection.stream(path, {"authorization": f"Bearer {self._token}"})
                await reader.readuntil(b"event: ready")
            except (OSError, asyncio.IncompleteReadError) as error:
                sys.stderr.write(f"a stream is opened again: {error}\n")
                connection.close()
                await asyncio.sleep(1)
            else:
                return reader

    def _count(self, piece: bytes) -> None:
        """Count the changes of a piece; a change cut in two between pieces is not counted, which is rare."""
        now = time()
        self._delays.resyncs += piece.count(b"event: resync")
        times = _TIME.findall(piece)
        self._delays.changes += len(times)
        if len(self._delays.late_s) < 1_000_000:
            sent = (datetime.fromisoformat(text.decode()).timestamp() for text in times)
            self._delays.late_s += [now - at for at in sent]


async def _listen() -> Delays:
    request = orjson.loads(sys.stdin.buffer.readline())
    return await Subscribers(**request).listen()


def run() -> None:
    """Run the request on standard input."""
    delays = uvloop.run(_listen())
    with open(sys.stdout.fileno(), "wb", closefd=False) as out:  # unlike sys.stdout it never writes a part only
        out.write(orjson.dumps(asdict(delays)))


if __name__ == "__main__":
    run()
