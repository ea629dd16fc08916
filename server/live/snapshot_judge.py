"""Judging how much a stream's snapshots take: the first with its request, a later one as an answer of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from starlette.types import Scope

from layers.actor import Actor
from layers.catalog import Catalog
from server.audit.audit import Audit
from server.audit.touched import begin_note, current_note
from server.exports.exports import Exports
from server.exports.taken import judge_taken


class StreamSnapshots:
    """Judges the snapshots of one stream by the export allowance, and records those that come within it.

    Parameters
    ----------
    scope
        The request of the stream.
    """

    def __init__(
        self, exports: Exports, audit: Audit, catalog: Callable[[], Catalog], scope: Scope, actor: Actor
    ) -> None:
        self._exports, self._audit, self._catalog = exports, audit, catalog
        self._scope, self._actor = scope, actor
        self._approval = current_note().approval

    async def __call__(self, features: Mapping[str, int], *, is_later: bool) -> None:
        """Judge a snapshot, by its number of features by layer.

        Raises
        ------
        Forbidden, Unavailable
            As `Exports.judge`; also when a later one cannot be recorded.
        """
        note = begin_note(approval=self._approval) if is_later else current_note()
        await judge_taken(self._exports, self._catalog(), self._actor, features)
        if is_later:
            await self._audit.begin(self._scope, note)
