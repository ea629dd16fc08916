"""A provider at work: its file, its discovery document and its keys."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from time import monotonic
from typing import Any

import httpx
import structlog

from layers.errors import Unavailable
from server.identity.oidc.documents import read_json
from server.identity.oidc.metadata import Metadata, metadata_of
from server.identity.oidc.provider_file import ProviderFile
from server.identity.oidc.signing_keys import SigningKeys

FRESH_S = 3600.0
PAUSE_S = 2.0
AWAY = "the identity provider does not answer; try again in a moment"
_log = structlog.get_logger(__name__)


class Provider:
    """One provider of identities; nothing is fetched before it is needed."""

    def __init__(self, file: ProviderFile, client: httpx.AsyncClient) -> None:
        self.file = file
        self.client = client
        self.keys = SigningKeys(self._fetch_keys, file.name)
        self._metadata: Metadata | None = None
        self._tried_at: float | None = None
        self._turn = asyncio.Lock()

    async def metadata(self) -> Metadata:
        """Return the provider's addresses; those of before while it is away.

        Raises
        ------
        Unavailable
            When they were never read and cannot be read now; the reason is in the log.
        """
        async with self._turn:
            pause = PAUSE_S if self._metadata is None else FRESH_S
            if self._tried_at is None or monotonic() - self._tried_at >= pause:
                self._tried_at = monotonic()
                try:
                    document = await read_json(self.client, self.file.discovery_address)
                    self._metadata = metadata_of(self.file, document)
                except Unavailable as error:
                    _log.warning("an identity provider cannot be read", provider=self.file.name, reason=error.message)
            if self._metadata is None:
                raise Unavailable(AWAY)
            return self._metadata

    async def close(self) -> None:
        """Cancel what runs."""
        await self.keys.close()

    async def _fetch_keys(self) -> Mapping[str, Any]:
        address = self.file.jwks or (await self.metadata()).jwks
        return await read_json(self.client, address)
