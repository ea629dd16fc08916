"""The origin of the figures: the machine, the versions, the relevant settings of PostgreSQL; and a folder for them."""

from __future__ import annotations

import os
import platform
import shutil
from importlib.metadata import version
from pathlib import Path

import asyncpg

_SETTINGS = (
    "shared_buffers",
    "work_mem",
    "effective_cache_size",
    "max_connections",
    "fsync",
    "synchronous_commit",
    "jit",
)


def describe_machine() -> str:
    """Return processor, cores, memory and kernel in one line."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    memory_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    cores = len(os.sched_getaffinity(0))
    processor = names[0] if names else platform.machine()
    return f"machine: {processor}, {cores} cores, {memory_gib:.0f} GiB, kernel {platform.release()}"


def describe_versions() -> str:
    """Return the versions of Python and of the packages that serve our responses."""
    packages = ("asyncpg", "orjson", "uvicorn", "uvloop", "httptools")
    return f"ours: Python {platform.python_version()}, " + ", ".join(f"{name} {version(name)}" for name in packages)


async def describe_database(url: str) -> str:
    """Return the database's versions and settings."""
    connection = await asyncpg.connect(url)
    try:
        versions = await connection.fetchval(
            "SELECT current_setting('server_version') || ', PostGIS ' || postgis_lib_version()"
        )
        pairs = [f"{name}={await connection.fetchval('SELECT current_setting($1)', name)}" for name in _SETTINGS]
    finally:
        await connection.close()
    return f"PostgreSQL {versions}: {', '.join(pairs)}"


def new_home(folder: Path) -> None:
    """Create an empty folder for a database, in the place of an earlier one."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    folder.chmod(0o711)  # the database's account passes through
