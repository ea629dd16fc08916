"""Retention of dropped files: what was taken or could not be read goes after its period."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from twin.connectors.drop_folder import DONE, FAILED

DROPS = "drops"


def put_away(home: Path) -> list[Path]:
    """Return the files of all feeds that were taken or could not be read, with their reports."""
    return [
        path
        for part in (DONE, FAILED)
        for path in sorted((home / DROPS).glob(f"*/{part}/*"))
        if path.is_file() and not path.is_symlink()
    ]


def forget_files(home: Path, older_than: timedelta, *, now: datetime) -> int:
    """Delete files that were put away before the period; return how many."""
    until = (now - older_than).timestamp()
    old = [path for path in put_away(home) if path.stat().st_ctime < until]  # the time of the rename, not the sender's
    for path in old:
        path.unlink(missing_ok=True)
    return len(old)
