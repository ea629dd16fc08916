"""The policy in force, in the audit: which one each worker began with, and each one that came after."""

from __future__ import annotations

import os

import structlog

from layers.audit.lane import AuditUnavailable
from layers.audit.record import AuditAction, AuditRecord, AuditSubject
from layers.policy.holder import PolicyHolder
from server.audit.audit import Audit

_WORKER = AuditSubject("onemap", method="worker")
_log = structlog.get_logger(__name__)


def record_policies(audit: Audit, holder: PolicyHolder) -> None:
    """Record the policy of a worker now, and whenever another comes into force."""

    def record() -> None:
        detail: dict[str, str | int] = {"digest": holder.policy.digest, "worker": os.getpid()}
        try:
            audit.add(AuditRecord(action=AuditAction.POLICY_CHANGE, object="policy", subject=_WORKER, detail=detail))
        except AuditUnavailable as error:
            _log.error("the policy in force is not recorded", **detail, error=error.message)

    record()
    holder.on_change.append(record)
