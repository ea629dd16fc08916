"""The address of the service on a home: a file in the home, so that other commands find the service."""

from __future__ import annotations

from pathlib import Path

from layers.cluster import supervisor_of
from layers.errors import Unavailable

_FILE = "address"


def note_address(home: Path, address: str) -> None:
    """Write the address that a person on this machine uses."""
    half = home / f"{_FILE}.new"
    half.write_text(f"{address}\n", encoding="ascii")
    half.replace(home / _FILE)


def running_address(home: Path) -> str:
    """Return the address of the service that runs on a home.

    Raises
    ------
    Unavailable
        When nothing runs there.
    """
    file = home / _FILE
    if supervisor_of(home) is None or not file.exists():
        raise Unavailable(f"nothing runs on {home}; start it with ./onemap up, or name its address with --url")
    return file.read_text(encoding="ascii").strip()


def what_runs(home: Path) -> str:
    """Return in words what runs on a home: its address, that it is starting, or that only its database runs."""
    supervisor = supervisor_of(home)
    if supervisor is None:
        return "数据库 its database"
    try:
        return f"{running_address(home)} (进程 process {supervisor})"
    except Unavailable:
        return f"正在启动 starting (进程 process {supervisor})"


def forget_address(home: Path) -> None:
    """Remove the address that `note_address` wrote; the service has stopped."""
    (home / _FILE).unlink(missing_ok=True)
