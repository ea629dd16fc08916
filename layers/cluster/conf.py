"""The settings of the private cluster, written at every start."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping

from layers.cluster.archive import LogArchive, archive_command
from layers.cluster.place import ClusterLocation

_MIB = 1024 * 1024
_ARCHIVE = "archive.conf"
# The log of a timeline that a recovery begins stays in the cluster until its archive is known.
_KEPT: dict[str, object] = {"archive_command": "", "archive_timeout": 0}
_HEAD = """\
# 每次启动时重写；自己的设置请写入 custom.conf。
# Written anew at every start; put settings of your own into custom.conf beside this file.
"""


def write_conf(place: ClusterLocation, *, durable: bool, recovery: Mapping[str, object] | None = None) -> None:
    """Write `postgresql.conf` and `archive.conf` into the data folder.

    Parameters
    ----------
    recovery
        Settings of a recovery from the archive; None for a start as usual.
    """
    archiving = _KEPT if recovery is not None else _archiving(place.archive)
    _write(place, _ARCHIVE, _lines(archiving))
    settings = _settings(place, durable=durable) | dict(recovery or {})
    custom = ["include 'custom.conf'"] if (place.data / "custom.conf").exists() else []
    _write(place, "postgresql.conf", [*_lines(settings), f"include '{_ARCHIVE}'", *custom])


def write_archive_conf(place: ClusterLocation) -> None:
    """Write the settings of the archive alone: a running server reads them again without a restart."""
    _write(place, _ARCHIVE, _lines(_archiving(place.archive)))


def _write(place: ClusterLocation, name: str, lines: list[str]) -> None:
    file = place.data / name
    file.unlink(missing_ok=True)  # root must not write through a link in another account's folder
    with file.open("x", encoding="utf-8") as opened:
        os.fchown(opened.fileno(), place.account.uid, place.account.gid)
        opened.write("\n".join([_HEAD, *lines, ""]))


def _lines(settings: Mapping[str, object]) -> list[str]:
    return [f"{name} = {_value(value)}" for name, value in settings.items()]


def _archiving(archive: LogArchive | None) -> dict[str, object]:
    """Return the settings of the archive; without one every segment counts as archived at once."""
    if archive is None:
        return {"archive_command": "/bin/true", "archive_timeout": 0}
    return {"archive_command": archive_command(archive.folder), "archive_timeout": archive.timeout_s}


def _value(value: object) -> str:
    return str(value) if isinstance(value, int | float) else "'" + str(value).replace("'", "''") + "'"


def _settings(place: ClusterLocation, *, durable: bool) -> dict[str, object]:
    memory_mib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // _MIB
    switch = "on" if durable else "off"
    return {
        "listen_addresses": "",  # no TCP port: `trust` depends on it
        "unix_socket_directories": str(place.socket_dir),
        "unix_socket_permissions": "0700",
        "max_connections": 100 if durable else 400,  # the applications of many tests share one server
        "shared_buffers": f"{max(128, min(512, memory_mib // 8))}MB",
        "effective_cache_size": f"{max(256, memory_mib // 4)}MB",
        "work_mem": "16MB",
        "maintenance_work_mem": f"{max(64, min(256, memory_mib // 16))}MB",
        "dynamic_shared_memory_type": _dynamic_memory(),
        "random_page_cost": 1.1,
        "jit": "off",  # compiling costs more than these queries take
        "max_wal_size": "2GB",
        "checkpoint_timeout": "15min",
        "wal_compression": "on",
        "archive_mode": "on",  # cannot be turned on while the server runs; archive.conf says whether it does anything
        "fsync": switch,
        "synchronous_commit": switch,
        "full_page_writes": switch,
        "timezone": "UTC",
        "log_timezone": "UTC",
        "log_line_prefix": "%m [%p] ",
        "log_lock_waits": "on",
    }


def _dynamic_memory() -> str:
    """Return how parallel queries share memory: /dev/shm, or files where a container made it too small or closed it."""
    try:
        room, mode = os.statvfs("/dev/shm"), os.stat("/dev/shm").st_mode  # noqa: S108, PTH116  # only looked at
    except OSError:
        return "mmap"
    fits = room.f_blocks * room.f_frsize >= 256 * _MIB and mode & stat.S_IWOTH
    return "posix" if fits else "mmap"
