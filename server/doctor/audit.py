"""Checks of the audit: whether it is on, forwarded, and anchored lately."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from server.audit.anchoring import anchors_file
from server.doctor.machine import Finding, FindingState, well
from server.settings import Settings

_SUBJECT = "审计 audit"
_LATE = 2  # periods without an anchor: the ingest process does not run


def examine_audit(settings: Settings, now: datetime) -> Iterator[Finding]:
    """Check the settings and the file of anchors of a home; the chains are for ``onemap audit verify``."""
    audit = settings.audit
    if not audit.enabled:
        detail = "已关闭 it is off: nobody can tell who read what"
        yield Finding(FindingState.WRONG, _SUBJECT, detail, "set audit.enabled = true")
        return
    if audit.syslog is None:
        detail = "未转发到日志服务器 no log server receives a copy"
        yield Finding(FindingState.WARNING, _SUBJECT, detail, "name one in audit.syslog: tls://host:6514")
    file = anchors_file(settings.home)
    if not file.exists():
        detail = "尚无锚点 there is no anchor yet: an end that was cut off would not be seen"
        yield Finding(FindingState.WARNING, _SUBJECT, detail, "./onemap audit anchor, or start the ingest process")
        return
    anchored_at = datetime.fromtimestamp(file.stat().st_mtime, UTC)
    when = f"最近锚点 the last anchor is of {anchored_at:%Y-%m-%d %H:%M} UTC"
    if now - anchored_at > _LATE * timedelta(hours=audit.anchor_hours):
        yield Finding(FindingState.WARNING, _SUBJECT, when, "./onemap audit anchor; see why the ingest process rests")
    else:
        yield well(_SUBJECT, when)
