"""What is wrong with the house although it serves: remembered for `/health`, said in the log once in a while."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import structlog

from layers.errors import OneMapError, Unavailable
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
        """Take notice of an error that is told to somebody; one line of the log stands for all of a minute."""
        if self._damage.note(error):
            if (others := self._damaged.due()) is not None:
                _log.error("the database has a fault of its own", error=str(error.__cause__ or error), others=others)
        elif isinstance(error, Unavailable) and (others := self._outage.due()) is not None:
            _log.warning("requests are answered 503", error=error.message, others=others)

    def damage(self, met_by_ingest: Sequence[str] = ()) -> list[str]:
        """Say which faults were met within the last hour, here and by the ingest process."""
        recent = sorted({*self._damage.recent(), *met_by_ingest})
        return [f"数据库自身故障，见日志 the database has a fault of its own: {state}, see the log" for state in recent]


def lack_of_room(folder: Path, least_mib: int) -> list[str]:
    """Say that a disk is full, or will be soon.

    Parameters
    ----------
    folder
        On the disk that is looked at.
    least_mib
        What must be free for all to be well.
    """
    try:
        free_mib = shutil.disk_usage(folder).free // _MIB
    except OSError as error:
        return [f"磁盘不可读 the disk of the home cannot be looked at: {error.strerror}"]
    if free_mib >= least_mib:
        return []
    return [f"磁盘将满 the disk of the home has {free_mib} MiB free; below {least_mib} MiB nothing may be written soon"]
