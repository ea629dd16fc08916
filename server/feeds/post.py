"""Posting a file to a feed as its sender would: cut into bodies of the server's size, signed, and counted."""

from __future__ import annotations

import secrets
import ssl
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import orjson

from layers.errors import BadInput, OneMapError, TooMuch, Unauthenticated, Unavailable
from twin.envelope.read import BATCH, LINES, STRUCTURED
from twin.feeds.definition import FeedDefinition
from twin.feeds.signature import sign

BODY_BYTES_MAX = 512 * 1024  # half of a server's default limit
_PATIENCE_S = 120.0
_TIMEOUT_S = 60.0
_COUNTED = ("received", "accepted", "duplicate", "late", "ignored", "rejected", "held")


@dataclass(slots=True)
class Posted:
    """Counts of a posted file."""

    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_COUNTED, 0))
    refused: list[dict[str, Any]] = field(default_factory=list)

    def add(self, counts: dict[str, Any]) -> None:
        """Add the counts of one response."""
        for name in _COUNTED:
            self.counts[name] += counts.get(name, 0)
        self.refused += counts.get("refused", ())


def bodies(definition: FeedDefinition, path: Path) -> Iterator[tuple[bytes, str]]:
    """Cut a file into bodies with their content types: lines and lists in parts, other files whole.

    Raises
    ------
    BadInput
        When it cannot be read, or is empty.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BadInput(f"cannot read {path}: {error.strerror}", parameter="file") from error
    if not content.strip():
        raise BadInput(f"{path.name} is empty", parameter="file")
    own = definition.format == "cloudevents"
    if path.suffix.lower() in {".ndjson", ".jsonl"}:
        for part in _parts(content.removeprefix(b"\xef\xbb\xbf").splitlines()):
            yield b"\n".join(part) + b"\n", LINES
        return
    if definition.format == "cap":
        yield content, "application/cap+xml"
        return
    try:
        decoded = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise BadInput(f"{path.name} is not JSON: {error}; name a file of lines .ndjson", parameter="file") from error
    if type(decoded) is list and (own or definition.records is None):
        for part in _parts([orjson.dumps(one) for one in decoded]):
            yield b"[" + b",".join(part) + b"]", BATCH if own else "application/json"
        return
    yield content, STRUCTURED if own else "application/json"


def post(client: httpx.Client, definition: FeedDefinition, key: bytes | None, path: Path) -> Posted:
    """Post a file; return when the server reports that all of it is durable or refused.

    Raises
    ------
    Unauthenticated, BadInput, Unavailable, TooMuch
        When the server does not take it, with the server's message.
    """
    posted = Posted()
    for body, media in bodies(definition, path):
        posted.add(deliver(client, definition.name, key, body, media))
    return posted


def deliver(client: httpx.Client, feed: str, key: bytes | None, body: bytes, media: str) -> dict[str, Any]:
    """Post one body, signed if there is a key, again when the server is busy; return the server's counts.

    Raises
    ------
    Unauthenticated, BadInput, Unavailable, TooMuch
        When the server does not take it, with the server's message.
    """
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        signed = {} if key is None else sign(key, feed, body, now=datetime.now(UTC), nonce=secrets.token_hex(16))
        try:
            response = client.post(f"/feeds/{feed}", content=body, headers={"content-type": media, **signed})
        except httpx.HTTPError as error:
            raise Unavailable(f"nobody answers at {client.base_url}: {error}; is ./onemap up running?") from error
        if response.status_code == 200:
            counts: dict[str, Any] = response.json()
            return counts
        if response.status_code != 429 or time.monotonic() > deadline:
            raise _fault(response)
        time.sleep(0.5)  # the server is busy


def _fault(response: httpx.Response) -> OneMapError:
    try:
        detail = response.json()["detail"]
    except (ValueError, KeyError, TypeError):
        detail = response.text[:200]
    kinds: dict[int, type[OneMapError]] = {401: Unauthenticated, 413: TooMuch, 429: TooMuch}
    usual = Unavailable if response.status_code >= 500 else BadInput
    return kinds.get(response.status_code, usual)(f"the server says {response.status_code}: {detail}")


def _parts(pieces: Sequence[bytes]) -> Iterator[list[bytes]]:
    part: list[bytes] = []
    size = 0
    for piece in pieces:
        if part and size + len(piece) > BODY_BYTES_MAX:
            yield part
            part, size = [], 0
        part.append(piece)
        size += len(piece) + 1
    if part:
        yield part


def open_client(address: str, trust: ssl.SSLContext | bool = True) -> httpx.Client:
    """Return a client of a running service; it uses no proxy, and `trust` is that of `server.wire.certificate`."""
    return httpx.Client(base_url=address, timeout=_TIMEOUT_S, trust_env=False, verify=trust)
