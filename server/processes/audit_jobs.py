"""Jobs of the audit in the ingest process: retention, anchors, and the way to a log server."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from time import time

import structlog

from layers.audit.forward import forward_records
from layers.audit.record import AuditChain, AuditSubject
from layers.audit.retention import forget_records
from layers.audit.syslog import SyslogSender
from layers.database.connection import Role, connect, connected
from server.audit.anchoring import anchors_file, make_anchor
from server.settings import AuditSettings

_PAUSE_SECONDS = 600.0
_FORWARD_SECONDS = 1.0
_JOB = AuditSubject("onemap", method="job")
_log = structlog.get_logger(__name__)


class AuditUpkeep:
    """Removes records that are old enough, and writes anchors."""

    name = "audit"

    def __init__(self, url: str, home: Path, settings: AuditSettings) -> None:
        self._url, self._home, self._settings = url, home, settings

    async def run(self) -> None:
        """Look every ten minutes, until cancelled."""
        while True:
            await self.once()
            await asyncio.sleep(_PAUSE_SECONDS)

    async def once(self) -> None:
        """Remove what is old, and write an anchor if the last one is old."""
        if self._anchor_is_due():
            await make_anchor(self._url, self._home, _JOB)
        days = {AuditChain.GENERAL: self._settings.general_days, AuditChain.SENSITIVE: self._settings.sensitive_days}
        async with connected(self._url, Role.OWNER) as connection:
            gone = await forget_records(connection, {chain: timedelta(days=kept) for chain, kept in days.items()})
        if any(gone.values()):
            _log.info("records of the audit were dropped", **gone)

    def _anchor_is_due(self) -> bool:
        file = anchors_file(self._home)
        return not file.exists() or time() - file.stat().st_mtime >= self._settings.anchor_hours * 3600


class AuditForwarding:
    """Sends records to the log server of the settings."""

    name = "audit-syslog"

    def __init__(self, url: str, syslog: str, ca: Path | None) -> None:
        self._url, self._syslog, self._ca = url, syslog, ca

    async def run(self) -> None:
        """Send what is new every second, until cancelled."""
        async with AsyncExitStack() as opened:
            sender = SyslogSender(self._syslog, self._ca)
            opened.push_async_callback(sender.close)
            auditor, owner = await connect(self._url, Role.AUDITOR), await connect(self._url, Role.OWNER)
            opened.callback(auditor.terminate)
            opened.callback(owner.terminate)
            while True:
                if not await forward_records(auditor, owner, sender):
                    await asyncio.sleep(_FORWARD_SECONDS)


def audit_jobs(url: str, home: Path, settings: AuditSettings) -> list[AuditUpkeep | AuditForwarding]:
    """Return the jobs that the settings ask for; retention goes on while the audit is off."""
    jobs: list[AuditUpkeep | AuditForwarding] = [AuditUpkeep(url, home, settings)]
    if settings.syslog is not None:
        jobs.append(AuditForwarding(url, settings.syslog, settings.syslog_ca))
    return jobs
