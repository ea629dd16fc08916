"""Prepared statements of a connection: only repeated statements are kept, up to a bound in bytes.

A prepared statement costs PostgreSQL about a hundred times its text, in every connection. A stranger's filter comes
once, so its statement is prepared without a name and replaced by the next; a repeated statement is kept, and the least
recently used is dropped first.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from asyncpg.connection import _StatementCache

from layers.database.broken_copy import CopyingConnection

KEPT_CHARACTERS_MAX = 256 * 1024  # for a connection: about 30 MB of PostgreSQL's memory
_SEEN_MAX = 1024


class SeenStatements:
    """The last thousand texts of statements, by their hashes."""

    def __init__(self, size: int = _SEEN_MAX) -> None:
        self._size = size
        self._texts: OrderedDict[int, None] = OrderedDict()

    def again(self, text: str) -> bool:
        """Record a text, and return whether it was recorded before."""
        mark = hash(text)
        before = mark in self._texts
        self._texts[mark] = None
        self._texts.move_to_end(mark)
        if len(self._texts) > self._size:
            self._texts.popitem(last=False)
        return before


class KeptStatements(_StatementCache):  # type: ignore[misc]  # asyncpg ships no types
    """The prepared statements of one connection, bounded by the total length of their texts."""

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
    """A connection that keeps repeated statements prepared and returns to its pool without a round trip."""

    _stmt_cache: Any

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        replaced = self._stmt_cache
        self._stmt_cache = KeptStatements(
            loop=self._loop,
            max_size=replaced.get_max_size(),
            on_remove=replaced._on_remove,  # noqa: SLF001  # asyncpg's own cache
            max_lifetime=0,
        )
        self._seen_statements = SeenStatements()

    def get_reset_query(self) -> str:
        """Return no statement: OneMap leaves no session state behind."""
        return ""

    async def _get_statement(self, query: str, timeout: float | None, **options: Any) -> Any:  # noqa: ASYNC109
        if options.get("use_cache", True) and not options.get("named"):
            options["use_cache"] = self._seen_statements.again(query)
        return await super()._get_statement(query, timeout, **options)
