"""Which statements a connection keeps prepared: those that come again, and of those no more than a bound of bytes.

A prepared statement costs PostgreSQL about a hundred times its text, in every connection. What strangers write into
filters comes once, so it is prepared without a name and gone with the next; what comes again is kept, the least
recently used dropped first.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from asyncpg.connection import _StatementCache

from layers.database.broken_copy import CopyingConnection

KEPT_CHARACTERS_MAX = 256 * 1024  # of a connection: about 30 MB of PostgreSQL's memory
_SEEN_MAX = 1024


class SeenStatements:
    """Which texts came before, of the last thousand."""

    def __init__(self, size: int = _SEEN_MAX) -> None:
        self._size = size
        self._texts: OrderedDict[int, None] = OrderedDict()

    def again(self, text: str) -> bool:
        """Whether a text came before; it has from now on."""
        mark = hash(text)
        before = mark in self._texts
        self._texts[mark] = None
        self._texts.move_to_end(mark)
        if len(self._texts) > self._size:
            self._texts.popitem(last=False)
        return before


class KeptStatements(_StatementCache):  # type: ignore[misc]  # asyncpg ships no types
    """The prepared statements of one connection, bounded by the length of their texts together."""

    @property
    def characters(self) -> int:
        """Length of all texts."""
        return sum(len(key[0]) for key in self._entries)

    def _maybe_cleanup(self) -> None:
        super()._maybe_cleanup()
        excess = self.characters - KEPT_CHARACTERS_MAX
        while excess > 0:
            key, entry = self._entries.popitem(last=False)
            excess -= len(key[0])
            self._clear_entry_callback(entry)
            self._on_remove(entry._statement)  # noqa: SLF001  # as asyncpg's own cleaning does


class PreparingConnection(CopyingConnection):
    """A connection that prepares what comes again, and costs no round trip when it goes back to its pool."""

    _stmt_cache: Any

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        made = self._stmt_cache
        self._stmt_cache = KeptStatements(
            loop=self._loop,
            max_size=made.get_max_size(),
            on_remove=made._on_remove,  # noqa: SLF001  # the cache that is replaced
            max_lifetime=0,
        )
        self._seen = SeenStatements()

    def get_reset_query(self) -> str:
        """Return nothing: nothing of ours leaves session state."""
        return ""

    async def _get_statement(self, query: str, timeout: float | None, **options: Any) -> Any:  # noqa: ASYNC109
        if options.get("use_cache", True) and not options.get("named"):
            options["use_cache"] = self._seen.again(query)
        return await super()._get_statement(query, timeout, **options)
