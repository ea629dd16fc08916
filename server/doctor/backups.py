"""Checks of the backups: whether there are any, how old the newest is, and whether the archive takes the log."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from layers.cluster.place import find_place
from layers.errors import OneMapError
from layers.recovery.folder import BackupFolder
from server.doctor.machine import Finding, FindingState, well
from server.recovery.backup import backup_folder, has_backup_folder
from server.settings import Settings

_SUBJECT = "备份 backups"
_AGE_H_MAX = 48.0  # where none is made by itself
_WAITING_MAX = 3  # segments; one is always being taken


def examine_backups(settings: Settings, now: datetime) -> Iterator[Finding]:
    """Check the backups of an installation without reading their contents."""
    if not has_backup_folder(settings):
        remedy = "./onemap backup --to a folder on another disk"
        yield Finding(FindingState.WARNING, _SUBJECT, "there is none: a lost disk takes everything", remedy)
        return
    try:
        yield _newest(settings, now)
    except OneMapError as error:
        yield Finding(FindingState.WARNING, _SUBJECT, error.message, "./onemap backup")
    waiting = _waiting(settings.home)
    if waiting > _WAITING_MAX:
        detail = f"{waiting} segments of the log wait: the archive does not take them"
        yield Finding(FindingState.WRONG, _SUBJECT, detail, "has the disk of backup.folder room, and is it there?")


def _newest(settings: Settings, now: datetime) -> Finding:
    folder: BackupFolder = backup_folder(settings)
    manifest = folder.read()
    age = now - manifest.ended_at
    detail = f"{len(folder.ids())} in {folder.path}, the newest {manifest.id}"
    if age > timedelta(hours=2 * settings.backup.every_h or _AGE_H_MAX):
        return Finding(FindingState.WARNING, _SUBJECT, f"{detail}, {age.days} days old", "./onemap backup")
    if settings.home.exists() and folder.path.stat().st_dev == settings.home.stat().st_dev:
        return Finding(FindingState.WARNING, _SUBJECT, f"{detail}, on the disk of the data", "copy it to another place")
    return well(_SUBJECT, detail)


def _waiting(home: Path) -> int:
    """Return the number of segments that wait for the archive; 0 where that cannot be seen."""
    place = find_place(home)
    return len(list((place.data / "pg_wal" / "archive_status").glob("*.ready"))) if place else 0
