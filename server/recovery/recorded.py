"""Backups, restores and upgrades in the audit of the database that they are about."""

from __future__ import annotations

from layers.audit.note import keeps_audit, note
from layers.audit.record import AuditAction


async def record_recovery(url: str, operation: str, **detail: str) -> None:
    """Record what is done to an installation; a database of a version without an audit records nothing.

    Raises
    ------
    Unavailable
        When it cannot be recorded.
    """
    if await keeps_audit(url):
        await note(url, AuditAction.BACKUP, "installation", detail={"operation": operation, **detail})
