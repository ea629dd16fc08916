"""The least of HTTP that a generator of load needs: one connection, one request at a time, no copies."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Self

_ANSWER_BYTES_MAX = 1 << 22


class KeptConnection:
    """A connection to 127.0.0.1 that is kept, and made again when the server closes it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close it."""
        if self._streams:
            self._streams[1].close()
            self._streams = None

    async def post(self, path: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        """Post a body; returns status and body of the answer."""
        return await self._ask(_head("POST", path, {**headers, "content-length": str(len(body))}) + body)

    async def get(self, path: str, headers: Mapping[str, str] | None = None) -> tuple[int, bytes]:
        """Get a path; returns status and body of the answer."""
        return await self._ask(_head("GET", path, headers or {}))

    async def stream(self, path: str, headers: Mapping[str, str]) -> asyncio.StreamReader:
        """Get a path whose answer goes on; returns what is left to read behind its head.

        Raises
        ------
        OSError
            When the answer is not 200.
        """
        reader, writer = await self._open()
        writer.write(_head("GET", path, headers))
        status, _ = await _answer_head(reader)
        if status != 200:
            raise ConnectionError(f"{path} answered {status}")
        return reader

    async def _ask(self, request: bytes) -> tuple[int, bytes]:
        try:
            reader, writer = await self._open()
            writer.write(request)
            await writer.drain()
            status, length = await _answer_head(reader)
            return status, await reader.readexactly(length)
        except (OSError, asyncio.IncompleteReadError):
            self.close()
            raise

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port, limit=_ANSWER_BYTES_MAX)
        return self._streams


def _head(method: str, path: str, headers: Mapping[str, str]) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "host: 127.0.0.1", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


async def _answer_head(reader: asyncio.StreamReader) -> tuple[int, int]:
    """Read the head of an answer; returns its status and the length of its body, 0 where none is said."""
    head = await reader.readuntil(b"\r\n\r\n")
    status = int(head[9:12])
    for line in head.lower().split(b"\r\n")[1:]:
        if line.startswith(b"content-length:"):
            return status, int(line[15:])
    return status, 0
