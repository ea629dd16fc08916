"""Locks on a home, held by the kernel: they end with the process, however it ends, so no lock is ever stale."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from layers.errors import Conflict


@contextmanager
def hold(file: Path, *, shared: bool = False, wait: bool = False) -> Iterator[None]:
    """Hold the lock `file` for the block.

    Parameters
    ----------
    file
        Made when it is missing; never deleted, because another process may be opening it.
    shared
        Share the lock with others, instead of holding it alone.
    wait
        Wait until it is free, instead of raising.

    Raises
    ------
    Conflict
        When another process holds it; the message names the process.
    """
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        mode = (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB)
        try:
            fcntl.flock(descriptor, mode)
        except BlockingIOError as error:
            process = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
            raise Conflict(
                f"{file.parent} is in use by process {process}; stop it with `onemap stop --home {file.parent}`, "
                "or give another --home"
            ) from error
        if not shared:
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)  # releases the lock


def holder(file: Path) -> int | None:
    """Return the id of the process that holds `file` alone, or None."""
    if not file.exists():
        return None
    try:
        with file.open("rb") as opened:
            fcntl.flock(opened, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        text = file.read_text(encoding="ascii").strip()
        return int(text) if text.isdecimal() else None
    return None
