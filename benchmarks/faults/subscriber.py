"""A subscriber that is disconnected again and again, and always resumes after the last number it received."""

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
    """Follows `/live` until cancelled.

    Attributes
    ----------
    began
        The number that the first stream began after.
    received
        The batches: the number each leads up to, and its changes.
    resumed
        The number of reconnections.
    resyncs
        The number of times the service could not resume from its number; 0, if all is well.
    """

    service: FaultyService
    began: int | None = None
    seq: int = 0
    last_id: str = ""
    received: list[tuple[int, list[ReceivedChange]]] = field(default_factory=list)
    resumed: int = 0
    resyncs: int = 0
    ready: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Listen until cancelled, and reconnect whenever the stream ends."""
        timeout = httpx.Timeout(60, read=40)  # a sign of life comes every 15 s
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.service.port}", timeout=timeout) as client:
            while True:
                with suppress(httpx.HTTPError):
                    await self._listen(client)
                self.resumed += 1
                await asyncio.sleep(0.1)

    async def _listen(self, client: httpx.AsyncClient) -> None:
        headers = {"authorization": f"Bearer {self.service.token}"}
        if self.began is not None:
            headers["last-event-id"] = self.last_id
        async with client.stream("GET", "/live", headers=headers) as response:
            if response.status_code != 200:
                return
            fields: dict[str, str] = {}
            async for line in response.aiter_lines():
                name, _, value = line.partition(": ")
                if line:
                    fields[name] = value
                    continue
                self._take(fields)
                fields = {}

    def _take(self, fields: dict[str, str]) -> None:
        """Take one whole event of the stream; an event that was cut off is never passed here."""
        name = fields.get("event")
        if name == "resync":
            self.resyncs += 1
        if "id" in fields:
            self.last_id = fields["id"]
            seq = int(self.last_id.partition("-")[0])
            if name == "changes":
                self.received.append((seq, orjson.loads(fields["data"])))
            if self.began is None:
                self.began = seq
            self.seq = seq
        if name == "ready":
            self.ready.set()
