"""The settings of the private cluster, written at every start."""

from __future__ import annotations

import os
import stat

from layers.cluster.place import ClusterLocation

_MIB = 1024 * 1024
_HEAD = """\
# 每次启动时重写；自己的设置请写入 custom.conf。
# Written anew at every start; put settings of your own into custom.conf beside this file.
"""


def write_conf(place: ClusterLocation, *, durable: bool) -> None:
    """Write `postgresql.conf` into the data folder."""
    lines = [f"{name} = {_value(value)}" for name, value in _settings(place, durable=durable).items()]
    custom = ["include 'custom.conf'"] if (place.data / "custom.conf").exists() else []
    file = place.data / "postgresql.conf"
    file.unlink(missing_ok=True)  # root must not write through a link in another account's folder
    with file.open("x", encoding="utf-8") as opened:
        os.fchown(opened.fileno(), place.account.uid, place.account.gid)
        opened.write("\n".join([_HEAD, *lines, *custom, ""]))


def _value(value: object) -> str:
    return str(value) if isinstance(value, int | float) else "'" + str(value).replace("'", "''") + "'"


def _settings(place: ClusterLocation, *, durable: bool) -> dict[str, object]:
    memory_mib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // _MIB
    switch = "on" if durable else "off"
    return {
        "listen_addresses": "",  # no TCP port: `trust` depends on it
        "unix_socket_directories": str(place.socket_dir),
        "unix_socket_permissions": "0700",
        "max_connections": 100,
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
