"""A subscriber that is cut off again and again, and always goes on after the last number it saw."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import httpx
import orjson

from benchmarks.faults.service import FaultyService

type ReceivedChange = dict[str, Any]


@dataclass(slots=True)
class Subscriber:
    """Follows `/live` until told.

    Attributes
    ----------
    began
        The number it began after.
    heard
        Each portion: the number it brings the reader to, and its changes.
    resumed
        How often it came back.
    resyncs
        How often it was told that it cannot go on from its number; never, if all is well.
    """

    house: FaultyService
    began: int | None = None
    seq: int = 0
    heard: list[tuple[int, list[ReceivedChange]]] = field(default_factory=list)
    resumed: int = 0
    resyncs: int = 0
    ready: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Listen until cancelled, and come back whenever the stream ends."""
        timeout = httpx.Timeout(60, read=40)  # a sign of life comes every 15 s
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.house.port}", timeout=timeout) as client:
            while True:
                with suppress(httpx.HTTPError):
                    await self._listen(client)
                self.resumed += 1
                await asyncio.sleep(0.1)

    async def _listen(self, client: httpx.AsyncClient) -> None:
        headers = {"authorization": f"Bearer {self.house.token}"}
        if self.began is not None:
            headers["last-event-id"] = str(self.seq)
        async with client.stream("GET", "/live", headers=headers) as answer:
            if answer.status_code != 200:
                return
            fields: dict[str, str] = {}
            async for line in answer.aiter_lines():
                name, _, value = line.partition(": ")
                if line:
                    fields[name] = value
                    continue
                self._take(fields)
                fields = {}

    def _take(self, fields: dict[str, str]) -> None:
        """Take one whole event of the stream; what was cut off in the middle never comes here."""
        name = fields.get("event")
        if name == "resync":
            self.resyncs += 1
        if "id" in fields:
            seq = int(fields["id"])
            if name == "changes":
                self.heard.append((seq, orjson.loads(fields["data"])))
            if self.began is None:
                self.began = seq
            self.seq = seq
        if name == "ready":
            self.ready.set()
