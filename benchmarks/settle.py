"""Waiting until a started server and its processes have finished their start-up work."""

from __future__ import annotations

import os
import time
from pathlib import Path

from benchmarks.memory import children, tree

_SAMPLE_S = 0.5
_BUSY_SHARE = 0.1  # of a core
_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


def wait_until_settled(seconds_max: float = 30) -> None:
    """Wait until the descendants of this process use less than a tenth of a core, or the time is up.

    Our ingest process and demo city start when the web workers respond, and load libraries for seconds, which would
    disturb a measurement.
    """
    until = time.monotonic() + seconds_max
    used_s, settled = _used_s(), 0
    while settled < 2 and time.monotonic() < until:
        time.sleep(_SAMPLE_S)
        before_s, used_s = used_s, _used_s()
        settled = settled + 1 if 0 <= used_s - before_s < _BUSY_SHARE * _SAMPLE_S else 0


def _used_s() -> float:
    """Return the processor time of the running descendants of this process."""
    return sum(map(_process_s, tree(os.getpid(), children())[1:]))


def _process_s(process: int) -> float:
    try:
        parts = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:  # ended meanwhile
        return 0
    return (int(parts[11]) + int(parts[12])) / _TICKS_A_SECOND
