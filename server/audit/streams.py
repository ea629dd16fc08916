"""A stream in the audit: recorded before its first byte, and again when it ends, with the number of changes sent."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime
from secrets import token_hex
from time import monotonic

import structlog
from starlette.types import Scope

from layers.actor import Actor
from layers.audit.lane import AuditUnavailable
from layers.audit.record import AuditAction, AuditRecord
from layers.catalog import Catalog
from layers.moment import Moment
from server.audit.audit import Audit
from server.audit.touched import current_note, touch

_log = structlog.get_logger(__name__)


class AuditedStream:
    """One stream that began; `end` records what was sent.

    Parameters
    ----------
    began
        The record of its beginning; None when it was only counted.
    """

    def __init__(self, audit: Audit, began: AuditRecord | None) -> None:
        self._audit, self._began = audit, began
        self._begun_at = monotonic()
        self._changes = 0

    def sent(self, part: object) -> None:
        """Count the changes of a part that was sent; notices hold none."""
        self._changes += getattr(part, "size", 0)

    def end(self) -> None:
        """Record the end; only the first call does."""
        began, self._began = self._began, None
        if began is None:
            return
        ended = replace(
            began,
            audit_id=token_hex(16),
            at=datetime.now(UTC),
            rows=self._changes,
            duration_ms=round((monotonic() - self._begun_at) * 1000),
            detail={"began": began.audit_id},
        )
        try:
            self._audit.add(ended)
        except AuditUnavailable as error:
            _log.error("the end of a stream is not recorded", stream=began.audit_id, error=error.message)


async def begin_stream(
    audit: Audit,
    scope: Scope,
    catalog: Catalog,
    actor: Actor,
    layers: Collection[str],
    action: AuditAction,
    moment: Moment | None = None,
) -> AuditedStream:
    """Record that a stream begins.

    Parameters
    ----------
    layers
        Ids of its layers; empty means every layer that the actor may see.
    moment
        A moment of what is streamed; None is the present.

    Raises
    ------
    AuditUnavailable
        When it cannot be recorded; the stream must not begin then.
    """
    for name in sorted(layers or catalog.visible_ids(actor)):
        touch(catalog.visible(name, actor).as_of(moment), actor, action=action)
    return AuditedStream(audit, await audit.begin(scope, current_note()))
