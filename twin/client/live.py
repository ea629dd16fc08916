"""Changes as they happen: an asynchronous iterator over `/live` that goes on where it was interrupted."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx

from twin.client.errors import Gap, NotAvailable, error_of
from twin.client.transport import Parameters, Transport, texts

_SILENCE_S = 40.0  # the server writes a comment every 15 seconds
_PAUSE_S_MAX = 15.0

Change = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ServerSentEvent:
    """An event of a stream: its kind, its data, and the number to resume from (None when it has none)."""

    kind: str
    data: str
    number: str | None


async def changes(
    transport: Transport, parameters: Parameters, since: int | str | None = None
) -> AsyncIterator[Change]:
    """Yield changes in the order of the log, each once, for as long as the caller iterates.

    A lost connection is opened again after the last number that was received.

    Parameters
    ----------
    since
        Begin after this number, or what a snapshot answered (``seq-rights``), by which a change of rights is a `Gap`;
        None begins with what happens from now on.

    Raises
    ------
    Gap
        When the server cannot continue: read the state again, and iterate anew.
    TwinError
        When the server refuses.
    """
    number = None if since is None else str(since)
    pause_s = 0.0
    async with httpx.AsyncClient(
        base_url=transport.url, headers=transport.headers(), timeout=httpx.Timeout(10, read=_SILENCE_S)
    ) as client:
        while True:
            try:
                async for event in _events(client, texts({**parameters, "since": number})):
                    pause_s = 0.0
                    number = event.number or number
                    for change in _changes_of(event):
                        yield change
            except (httpx.TransportError, NotAvailable) as error:
                pause_s = max(_wait_s(error), min(2 * pause_s or 0.5, _PAUSE_S_MAX))
            await asyncio.sleep(pause_s)


def _changes_of(event: ServerSentEvent) -> list[Change]:
    if event.kind == "resync":
        raise Gap(str(json.loads(event.data).get("detail", "changes were lost")))
    if event.kind != "changes":
        return []
    found: list[Change] = json.loads(event.data)
    return found


def _wait_s(error: Exception) -> float:
    return (error.retry_after_s or 0.0) if isinstance(error, NotAvailable) else 0.0


async def _events(client: httpx.AsyncClient, parameters: dict[str, str]) -> AsyncIterator[ServerSentEvent]:
    """Yield the events of one connection, by the rules of the HTML standard."""
    async with client.stream("GET", "/live", params=parameters) as response:
        if not response.is_success:
            await response.aread()
            raise error_of(response)
        kind, number, data = "message", None, list[str]()
        async for line in response.aiter_lines():
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if not line:
                if data:
                    yield ServerSentEvent(kind, "\n".join(data), number)
                kind, data = "message", []
            elif name == "event":
                kind = value
            elif name == "data":
                data.append(value)
            elif name == "id":
                number = value
