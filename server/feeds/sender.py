"""A sender of feeds, as in any other system: it signs, posts over HTTP, and slows down on request."""

from __future__ import annotations

import asyncio
import secrets
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx
import orjson
import structlog

from twin.envelope.read import BATCH
from twin.feeds.signature import sign

_BYTES_MAX = 512 * 1024  # half of a server's default limit
_WAIT_S, _WAIT_S_MAX = 0.5, 20.0
_TIMEOUT_S = 60.0
_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class SendTotals:
    """Counts of everything sent so far."""

    accepted: int = 0
    duplicate: int = 0
    rejected: int = 0
    waited: int = 0  # attempts that were answered with 429, refused altogether, or not answered

    @property
    def is_heard(self) -> bool:
        """Whether a message was taken, or none was refused."""
        return self.accepted + self.duplicate > 0 or self.rejected == 0


class FeedSender:
    """Sends to one feed.

    Parameters
    ----------
    client
        A client with the service's address.
    key
        Key of the signatures.
    """

    def __init__(self, client: httpx.AsyncClient, feed: str, key: bytes) -> None:
        self._client, self._feed, self._key = client, feed, key
        self.sent = SendTotals()

    async def send(self, messages: Sequence[dict[str, Any]], *, patience_s: float | None = None) -> bool:
        """Send CloudEvents, in as many deliveries as they need.

        Parameters
        ----------
        patience_s
            How long to try again after 429 or no answer; None means until it is taken.

        Returns
        -------
        bool
            Whether all were taken, or refused for good, which is counted; False after `patience_s`.
        """
        for body in _bodies(messages):
            if not await self.deliver(body, BATCH, patience_s=patience_s):
                return False
        return True

    async def deliver(self, body: bytes, content_type: str, *, patience_s: float | None = None) -> bool:
        """Send one body, as `send`."""
        began, wait_s = asyncio.get_running_loop().time(), _WAIT_S
        while True:
            response = await self._post(body, content_type)
            if response is not None and response.status_code < 500 and response.status_code != 429:
                self._count(response)
                return True
            self.sent.waited += 1
            if patience_s is not None and asyncio.get_running_loop().time() - began > patience_s:
                return False
            await asyncio.sleep(wait_s)
            wait_s = min(2 * wait_s, _WAIT_S_MAX)

    async def _post(self, body: bytes, content_type: str) -> httpx.Response | None:
        """Post a body with a new signature, because a nonce is good once; None without an answer."""
        signed = sign(self._key, self._feed, body, now=datetime.now(UTC), nonce=secrets.token_hex(16))
        headers = {"content-type": content_type, **signed}
        try:
            return await self._client.post(f"/feeds/{self._feed}", content=body, headers=headers)
        except httpx.HTTPError:
            return None

    def _count(self, response: httpx.Response) -> None:
        if response.status_code == 200:
            counts = response.json()
            self.sent.accepted += counts["accepted"]
            self.sent.duplicate += counts["duplicate"]
            self.sent.rejected += counts["rejected"]
            if counts["rejected"]:
                _log.warning("messages of the demo were refused", feed=self._feed, refused=counts["refused"][:3])
            return
        self.sent.rejected += 1
        self.sent.waited += 1  # a sender that is refused altogether slows down too
        _log.warning("the demo was refused", feed=self._feed, status=response.status_code, said=response.text[:500])


def connect(address: str, token: str | None = None, *, trust: ssl.SSLContext | bool = True) -> httpx.AsyncClient:
    """Return a client of a running service; it uses no proxy, and `trust` is that of `server.wire.certificate`."""
    headers = {"authorization": f"Bearer {token}"} if token else {}
    return httpx.AsyncClient(base_url=address, headers=headers, timeout=_TIMEOUT_S, trust_env=False, verify=trust)


def _bodies(messages: Sequence[dict[str, Any]]) -> list[bytes]:
    """Write messages as JSON arrays of at most half a megabyte."""
    bodies: list[bytes] = []
    part: list[bytes] = []
    size = 0
    for message in messages:
        written = orjson.dumps(message)
        if part and size + len(written) > _BYTES_MAX:
            bodies.append(b"[" + b",".join(part) + b"]")
            part, size = [], 0
        part.append(written)
        size += len(written) + 1
    if part:
        bodies.append(b"[" + b",".join(part) + b"]")
    return bodies
