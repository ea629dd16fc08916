"""The making of a backup: the database, the files beside it, the manifest; then what is too old goes."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from layers.cluster import running_url
from layers.cluster.place import ClusterLocation, find_place
from layers.errors import BadInput, Unavailable
from layers.recovery.files import FileStore
from layers.recovery.folder import BackupFolder
from layers.recovery.logical import dump_database, server_of
from layers.recovery.manifest import MANIFEST_FILE, DatabaseBackup, LogicalBackup, Manifest, write_durably
from layers.recovery.measure import database_bytes, last_migration, read_from
from layers.recovery.physical import back_up_cluster, begin_archive, flush_archive, prune_log, system_of
from server.build import build_id
from server.recovery.contents import LEFT_OUT, excluded, sources
from server.recovery.recorded import record_recovery
from server.settings import Settings

type StepReport = Callable[[str, int, int], None]  # a step in both languages, done and all of it in bytes
_SPARE_BYTES = 64 * 1024 * 1024


def backup_folder(settings: Settings) -> BackupFolder:
    """Return the folder of backups: of the settings, or the one into which the home's log is archived already.

    Raises
    ------
    BadInput
        When there is none, or it is in the home: one lost disk would take both.
    """
    place = find_place(settings.home)
    remembered = place.archive.folder.parent if place and place.archive else None
    path = settings.backup.folder or remembered
    if path is None:
        raise BadInput(
            "备份到哪里 where should the backup be? ./onemap backup --to FOLDER, or the setting backup.folder",
            parameter="to",
        )
    if path.is_relative_to(settings.home):
        raise BadInput(f"{path} is in the home; a lost disk would take both: name a folder on another", parameter="to")
    return BackupFolder(path)


def has_backup_folder(settings: Settings) -> bool:
    """Whether the settings name a folder of backups, or the home's log is archived already."""
    place = find_place(settings.home)
    return settings.backup.folder is not None or (place is not None and place.archive is not None)


def private_place(settings: Settings, url: str) -> ClusterLocation | None:
    """Return the place of the home's own cluster when `url` is the way to it; None for somebody's server."""
    return find_place(settings.home) if running_url(settings.home) == url else None


def make_backup(
    settings: Settings, url: str, reason: str, *, config: Path | None = None, report: StepReport | None = None
) -> Manifest:
    """Make a backup of an installation, and remove backups that are too old.

    Parameters
    ----------
    url
        The database, as a superuser where it is the home's own.
    reason
        Why it is made, for people who look at the list.

    Raises
    ------
    BadInput, Conflict
        When the folder is in the home or holds something else, or another backup is being made.
    Unavailable
        When there is no room, or the database or the folder cannot be reached.
    """
    report = report or (lambda *_: None)
    folder = backup_folder(settings)
    with folder.writing():
        place = private_place(settings, url)
        folder.prepare(asyncio.run(system_of(url) if place else server_of(url)))
        for half in folder.halves():
            shutil.rmtree(half)
        _require_room(folder, asyncio.run(database_bytes(url)))
        if place is not None:
            asyncio.run(begin_archive(url, settings.home, folder, settings.backup.archive_timeout_s))
            asyncio.run(flush_archive(url, settings.home))
        asyncio.run(record_recovery(url, "backup"))
        began = datetime.now(UTC)
        with folder.new_backup() as (backup_id, half):
            report("数据库 database", 0, 0)
            found = asyncio.run(_back_up_database(settings, url, half, report))
            report("文件 files", 0, 0)
            files = take_files(settings, folder, config)
            manifest = Manifest(
                id=backup_id,
                reason=reason,
                began_at=began,
                ended_at=datetime.now(UTC),
                build=build_id(),
                migration=asyncio.run(read_from(url, last_migration)),
                database=found.database,
                database_bytes=found.database_bytes,
                measured=found.measured,
                parts=found.parts,
                files=files,
                left_out=LEFT_OUT,
            )
            write_durably(half / MANIFEST_FILE, manifest.model_dump_json(indent=1).encode())
        prune(folder, settings.backup.keep)
        return manifest


def take_files(settings: Settings, folder: BackupFolder, config: Path | None = None) -> str:
    """Store the files beside the database; return the name of their list. `folder.writing` must be held."""
    return FileStore(folder.path).take(sources(settings, config), excluded(settings))


async def _back_up_database(settings: Settings, url: str, half: Path, report: StepReport) -> DatabaseBackup:
    place = private_place(settings, url)
    if place is None:
        return await dump_database(url, half)
    return await back_up_cluster(url, place, half, lambda done, of: report("数据库 database", done, of))


def _require_room(folder: BackupFolder, needed: int) -> None:
    free = shutil.disk_usage(folder.path).free
    if free < needed + _SPARE_BYTES:
        raise Unavailable(
            f"磁盘空间不足 not enough room: {free / 1e9:.1f} GB are free at {folder.path}, the database has "
            f"{needed / 1e9:.1f} GB; make room, keep fewer (backup.keep), or name another folder"
        )


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was removed."""

    backups: tuple[str, ...]
    bytes: int


def prune(folder: BackupFolder, keep: int) -> Pruned:
    """Remove all but the newest backups, and the log and the files that none of the kept ones needs."""
    ids = folder.ids()
    gone = ids[: max(0, len(ids) - keep)]
    for backup_id in gone:
        folder.remove(backup_id)
    kept = [folder.read(backup_id) for backup_id in ids[len(gone) :]]
    removed = 0
    if kept:
        files = FileStore(folder.path)
        removed = files.prune(kept[0].began_at, (manifest.files for manifest in kept))
        if not isinstance(kept[0].database, LogicalBackup):
            removed += prune_log(folder, kept[0])
    return Pruned(tuple(gone), removed)
