"""Stamps of a folder's files: equal stamps mean that no file has changed."""

from __future__ import annotations

from pathlib import Path

type Stamp = tuple[int, int]  # time of change in ns, size in bytes


def file_stamps(folder: Path) -> dict[str, Stamp]:
    """Return the stamps of the YAML files of a folder by name; names that start with ``_`` or ``.`` are left out.

    A missing folder has no files.
    """
    stamps = {}
    for path in sorted(folder.glob("[!_.]*.yaml")):
        try:
            stat = path.stat()
        except FileNotFoundError:  # removed meanwhile
            continue
        stamps[path.name] = (stat.st_mtime_ns, stat.st_size)
    return stamps
