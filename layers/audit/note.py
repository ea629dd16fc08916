"""Recording one action before it takes effect, without a web server: commands and jobs."""

from __future__ import annotations

from collections.abc import Mapping

import asyncpg

from layers.audit.canonical import canonical
from layers.audit.record import AuditAction, AuditDecision, AuditRecord, AuditSubject, local_subject
from layers.audit.store import append
from layers.database.connection import Role, connect, connected
from layers.errors import Unavailable


async def keeps_audit(url: str) -> bool:
    """Whether a database has an audit: that of an early version has none."""
    async with connected(url, role=None) as connection:
        kept: bool = await connection.fetchval("SELECT to_regclass('audit.record') IS NOT NULL")
        return kept


async def note(
    url: str,
    action: AuditAction,
    thing: str,
    *,
    subject: AuditSubject | None = None,
    decision: AuditDecision = AuditDecision.ALLOW,
    purpose: str = "",
    detail: Mapping[str, str | int] | None = None,
) -> None:
    """Record an action; call it before the action takes effect, so that nothing is done without a record.

    Parameters
    ----------
    url
        The database.
    thing
        What it is done to: ``user/li``, ``layer/events``.
    subject
        Who does it; None is the person at the command line.
    detail
        Facts without personal values: numbers, codes, ids.

    Raises
    ------
    Unavailable
        When it cannot be recorded; the action must not be done then.
    """
    record = AuditRecord(
        action=action,
        object=thing,
        subject=subject or local_subject(),
        decision=decision,
        purpose=purpose,
        detail=detail or {},
    )
    connection = await connect(url, Role.AUDIT)
    try:
        await append(connection, record.chain, [canonical(record)])
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise Unavailable(f"the audit cannot record this, so it is not done: {error}") from error
    finally:
        await connection.close()
