"""The catalogue of a process, kept fresh by PostgreSQL's notifications."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from hashlib import blake2b

import asyncpg
import structlog

from layers.catalog import Catalog, read_catalog
from layers.database.identity import database_identity
from layers.database.listener import Listener, NotificationHandler
from layers.definition import CodeList
from layers.schema.code_lists import read_stored_code_lists

_log = structlog.get_logger(__name__)


class CatalogHolder:
    """The catalogue of a process, kept current by notifications.

    While the listening connection is down, `trusted` is False and no cache keyed by version may be used.
    """

    def __init__(self, url: str, code_lists: Mapping[str, CodeList] | None = None) -> None:
        handlers: dict[str, NotificationHandler | None] = {"layer": self._on_version, "catalogue": None}
        self._listener = Listener(url, self._reload, handlers, self._on_lost)
        self._code_lists = code_lists
        self.current = Catalog({})
        self.fingerprint = ""  # of the database, its layers and their definitions: the same in every worker
        self.identity = ""  # of the database: caches of another one, or from before a restore, are not valid for it
        self.trusted = False
        self.on_change: list[Callable[[], None]] = []  # the catalogue was read anew
        self.on_version: list[Callable[[], None]] = []  # a layer has a new version
        self.on_restore: list[Callable[[], None]] = []  # the database is another one: its versions start again

    async def start(self) -> None:
        """Read the catalogue and begin to listen.

        Raises
        ------
        Unavailable
            When the database cannot be reached now; after later outages it reconnects.
        """
        await self._listener.start()

    async def stop(self) -> None:
        """Stop listening; the last snapshot stays."""
        await self._listener.stop()

    async def _reload(self, connection: asyncpg.Connection) -> None:
        lists = await read_stored_code_lists(connection)
        known = lists or self._code_lists  # a database may be older than its lists
        found = await read_catalog(connection, known, self.current)
        await self._identify(connection)
        for layer in self.current.values():  # versions that were announced during the read are newer than those read
            found = found.with_moved(layer)
        self.current = found
        definitions = "".join(layer.definition.model_dump_json() for layer in found.values())
        codes = "".join(one.model_dump_json() for one in found.code_lists.values())
        self.fingerprint = blake2b(f"{self.identity}{definitions}{codes}".encode(), digest_size=8).hexdigest()
        self.trusted = True
        for listener in self.on_change:
            listener()

    async def _identify(self, connection: asyncpg.Connection) -> None:
        """Check whether the database is still the same; if not, drop the snapshot of the other one."""
        found = await database_identity(connection)
        if self.identity and found != self.identity:
            _log.warning("the database was restored or is another one; everything that was kept of it is dropped")
            self.current = Catalog({})
            for listener in self.on_restore:
                listener()
        self.identity = found

    def _on_version(self, announced: str) -> None:
        layer_id, version, epoch_s, *live = announced.split(":")
        moved_at = datetime.fromtimestamp(float(epoch_s), UTC)
        self.current = self.current.with_version(layer_id, int(version), moved_at, *map(int, live))
        for listener in self.on_version:
            listener()

    def _on_lost(self) -> None:
        self.trusted = False
