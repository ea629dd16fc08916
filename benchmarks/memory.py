"""The memory of a program with its children, read from /proc."""

from __future__ import annotations

import os
import threading
from collections import defaultdict
from pathlib import Path
from typing import Self

_PERIOD_S = 0.1
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class MemoryWatch:
    """Watches the resident memory of process trees while the block runs.

    Parameters
    ----------
    roots
        Process id by name; its descendants count with it.

    Attributes
    ----------
    peak_bytes
        Highest sum of a tree, by name. Shared pages count for each process that maps them. The kernel's high-water
        mark of a process counts where it is higher, so that short peaks are not missed.
    """

    def __init__(self, **roots: int) -> None:
        self._roots = roots
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="memory", daemon=True)
        self.peak_bytes: dict[str, int] = dict.fromkeys(roots, 0)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._done.wait(_PERIOD_S):
            known = children()
            for name, root in self._roots.items():
                processes = tree(root, known)
                now = sum(_resident_bytes(process) for process in processes)
                highest = max((_high_water_bytes(process) for process in processes), default=0)
                self.peak_bytes[name] = max(self.peak_bytes[name], now, highest)


def children() -> dict[int, list[int]]:
    """Return the processes of this machine by their parent."""
    found: dict[int, list[int]] = defaultdict(list)
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                parent = int((entry / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()[1])
            except (OSError, IndexError):  # ended meanwhile
                continue
            found[parent].append(int(entry.name))
    return found


def tree(root: int, known: dict[int, list[int]]) -> list[int]:
    """Return a process and all its descendants."""
    found = [root]
    for process in found:  # grows during the loop
        found.extend(known.get(process, ()))
    return found


def forget_peak() -> None:
    """Let the peak memory of this process begin anew; Linux counts it from the start of the process otherwise."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def peak_bytes() -> int:
    """Return the most resident memory of this process since `forget_peak`."""
    return _high_water_bytes(os.getpid())


def _resident_bytes(process: int) -> int:
    try:
        return int(Path(f"/proc/{process}/statm").read_text(encoding="ascii").split()[1]) * _PAGE_BYTES
    except (OSError, IndexError):
        return 0


def _high_water_bytes(process: int) -> int:
    try:
        lines = Path(f"/proc/{process}/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), 0)
