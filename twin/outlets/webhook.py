"""Changes as CloudEvents to a webhook: one signed POST per batch, in order; the id of an event is its log number.

A batch is signed twice, in our own headers (`twin.feeds.signature`) and in those of `twin.outlets.standard`.
"""

from __future__ import annotations

import os
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import orjson

from layers.errors import OneMapError
from twin.feeds.secret import read_keys
from twin.feeds.signature import SIGNATURE, sign
from twin.outlets.definition import Webhook
from twin.outlets.selection import NumberedChange, OutletBatch
from twin.outlets.sender import Gone, NotTaken
from twin.outlets.standard import standard_headers

MEDIA_TYPE = "application/cloudevents-batch+json"
SOURCE = "/onemap/log"
GAP = "cn.onemap.log.gap"
OLD_SIGNATURE = "x-onemap-signature-old"
"""The signature by the secret that was replaced, as long as it is valid."""
_GONE = 410


class WebhookSender:
    """Posts batches to one address.

    Redirects are not followed and proxies of the environment are not used: batches go only to the operator's address.
    The body of the response is not read.
    """

    def __init__(self, webhook: Webhook, home: Path) -> None:
        self._webhook, self._home = webhook, home
        self._client = httpx.AsyncClient(timeout=webhook.timeout_s, follow_redirects=False, trust_env=False)

    async def send(self, batch: OutletBatch) -> None:
        """Post a batch.

        Raises
        ------
        Gone
            When the status is 410.
        NotTaken
            When there is no response, when its status is outside 200 to 299, or when the secret is missing.
        """
        body = orjson.dumps(events_of(batch))
        try:
            async with self._client.stream(
                "POST", self._webhook.url, content=body, headers=self._headers(batch, body)
            ) as response:
                status = response.status_code
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise NotTaken(f"{type(error).__name__}: {error}") from error
        except OneMapError as error:
            raise NotTaken(error.message) from error
        if status == _GONE:
            raise Gone("the receiver answers 410: it wants no more")
        if not 200 <= status < 300:
            raise NotTaken(f"the receiver answers {status}")

    async def close(self) -> None:
        """Close connections."""
        await self._client.aclose()

    def _headers(self, batch: OutletBatch, body: bytes) -> dict[str, str]:
        headers = {"Content-Type": MEDIA_TYPE, "User-Agent": "OneMap"}
        name, now, nonce = self._webhook.name, datetime.now(UTC), secrets.token_urlsafe(16)
        if self._webhook.secret is None:
            return headers
        keys = read_keys(self._webhook.secret, self._home, os.environ, now=now)
        for key, header in zip(keys[::-1], (OLD_SIGNATURE, SIGNATURE)[-len(keys) :], strict=True):
            signed = sign(key, name, body, now=now, nonce=nonce)
            headers |= signed | {header: signed[SIGNATURE]}
        return headers | standard_headers(keys, _identity_of(name, batch), body, now=now)


def _identity_of(outlet: str, batch: OutletBatch) -> str:
    """Return the id of a batch, which is the same when it is sent again: the numbers of its changes."""
    first = batch.lost[0] if batch.lost else batch.changes[0].seq if batch.changes else batch.seq
    return f"{outlet}-{first}-{batch.seq}"


def events_of(batch: OutletBatch) -> list[dict[str, Any]]:
    """Return a batch as CloudEvents; a gap in the log is an event of its own, before the others."""
    gap = []
    if batch.lost is not None:
        first, last = batch.lost
        data = {"first_seq": first, "last_seq": last, "detail": "changes are missing here; take a snapshot"}
        gap = [{**_BASE, "id": f"gap-{first}-{last}", "type": GAP, "time": datetime.now(UTC), "data": data}]
    return [*gap, *(_event(one) for one in batch.changes)]


_BASE = {"specversion": "1.0", "source": SOURCE, "datacontenttype": "application/json"}


def _event(one: NumberedChange) -> dict[str, Any]:
    change = one.change
    return {
        **_BASE,
        "id": str(one.seq),
        "type": f"cn.onemap.{change['kind']}.changed",
        "subject": f"{change['layer']}/{change['id']}",
        "time": one.committed_at,
        "sequence": str(one.seq),
        "data": change,
    }
