"""Faults of a service that still answers: kept for `/health`, logged at most once a minute."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import structlog

from layers.errors import OneMapError, Unavailable
from layers.policy.holder import PolicyHolder
from layers.seldom import Seldom
from twin.damage import Damage

_MIB = 1024 * 1024
_log = structlog.get_logger(__name__)


class Troubles:
    """Faults of the database that one worker met."""

    def __init__(self) -> None:
        self._damage = Damage()
        self._outage, self._damaged = Seldom(), Seldom()

    def note(self, error: OneMapError) -> None:
        """Record an error that a client receives; one line of the log covers all of a minute."""
        if self._damage.note(error):
            if (others := self._damaged.due()) is not None:
                _log.error("the database has a fault of its own", error=str(error.__cause__ or error), others=others)
        elif isinstance(error, Unavailable) and (others := self._outage.due()) is not None:
            _log.warning("requests are answered 503", error=error.message, others=others)

    def damage(self, met_by_ingest: Sequence[str] = ()) -> list[str]:
        """Return a message for each fault of the last hour, of this worker and of the ingest process."""
        recent = sorted({*self._damage.recent(), *met_by_ingest})
        return [f"数据库自身故障，见日志 the database has a fault of its own: {state}, see the log" for state in recent]


def lack_of_room(folder: Path, least_mib: int) -> list[str]:
    """Return a message when a disk is full or nearly full.

    Parameters
    ----------
    folder
        A folder on the disk.
    least_mib
        The free space, in MiB, below which the disk counts as nearly full.
    """
    try:
        free_mib = shutil.disk_usage(folder).free // _MIB
    except OSError as error:
        return [f"磁盘不可读 the disk of the home cannot be looked at: {error.strerror}"]
    if free_mib >= least_mib:
        return []
    return [f"磁盘将满 the disk of the home has {free_mib} MiB free; below {least_mib} MiB nothing may be written soon"]


def refusal(held: PolicyHolder) -> list[str]:
    """Return a message when the policy on disk is refused, and the one before it stays in force."""
    if not held.is_refused:
        return []
    return [f"策略文件有误，原策略继续有效 the policy before its files stays in force, they have a fault: {held.fault}"]
