"""A minimal HTTP client for load generators: one connection, one request at a time, no copies."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Self

_RESPONSE_BYTES_MAX = 1 << 22


class KeptConnection:
    """A persistent connection to 127.0.0.1, opened again when the server closes it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        if self._streams:
            self._streams[1].close()
            self._streams = None

    async def post(self, path: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        """Post a body; return status and body of the response."""
        return await self._request(_head("POST", path, {**headers, "content-length": str(len(body))}) + body)

    async def get(self, path: str, headers: Mapping[str, str] | None = None) -> tuple[int, bytes]:
        """Get a path; return status and body of the response."""
        return await self._request(_head("GET", path, headers or {}))

    async def stream(self, path: str, headers: Mapping[str, str]) -> asyncio.StreamReader:
        """Get a path with an endless response; return a reader of its body.

        Raises
        ------
        OSError
            When the status is not 200.
        """
        reader, writer = await self._open()
        writer.write(_head("GET", path, headers))
        status, _ = await _response_head(reader)
        if status != 200:
            raise ConnectionError(f"{path} answered {status}")
        return reader

    async def _request(self, request: bytes) -> tuple[int, bytes]:
        try:
            reader, writer = await self._open()
            writer.write(request)
            await writer.drain()
            status, length = await _response_head(reader)
            return status, await reader.readexactly(length)
        except (OSError, asyncio.IncompleteReadError):
            self.close()
            raise

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port, limit=_RESPONSE_BYTES_MAX)
        return self._streams


def _head(method: str, path: str, headers: Mapping[str, str]) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "host: 127.0.0.1", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


async def _response_head(reader: asyncio.StreamReader) -> tuple[int, int]:
    """Read the head of a response; return its status and the length of its body, 0 without the header."""
    head = await reader.readuntil(b"\r\n\r\n")
    status = int(head[9:12])
    for line in head.lower().split(b"\r\n")[1:]:
        if line.startswith(b"content-length:"):
            return status, int(line[15:])
    return status, 0
