"""Waiting until a server that was started has done what it does at its start, also in the processes beside it."""

from __future__ import annotations

import os
import time
from pathlib import Path

from benchmarks.memory import children, tree

_LOOK_S = 0.5
_BUSY_SHARE = 0.1  # of a core
_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


def wait_until_settled(seconds_max: float = 30) -> None:
    """Wait until the processes that descend from this one use less than a tenth of a core, or the time is up.

    The ingest process and the demo city of ours begin when the web workers answer, and load libraries for seconds:
    what is measured meanwhile is measured beside a start.
    """
    until = time.monotonic() + seconds_max
    used_s, calm = _used_s(), 0
    while calm < 2 and time.monotonic() < until:
        time.sleep(_LOOK_S)
        before_s, used_s = used_s, _used_s()
        calm = calm + 1 if 0 <= used_s - before_s < _BUSY_SHARE * _LOOK_S else 0


def _used_s() -> float:
    """Return the processor time of all that descend from this process and still run."""
    return sum(map(_process_s, tree(os.getpid(), children())[1:]))


def _process_s(process: int) -> float:
    try:
        parts = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:  # ended meanwhile
        return 0
    return (int(parts[11]) + int(parts[12])) / _TICKS_A_SECOND
