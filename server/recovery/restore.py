"""The restore of a backup: into a new home that takes the old one's place when it is whole, or into a database.

Until the last step everything happens in a folder beside the home. An interrupted restore leaves that folder, and the
home as it was.
"""

from __future__ import annotations

import asyncio
import filecmp
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from layers.cluster import PrivateCluster, archive_into, borrowed_cluster, home_lock, supervisor_of
from layers.cluster.base_backup import DamagedBackup, RecoveryTarget
from layers.cluster.home import make_home
from layers.cluster.place import find_place
from layers.cluster.private import url_of
from layers.cluster.server import stop_server
from layers.errors import BadInput, Conflict, OneMapError, Unavailable
from layers.recovery.files import FileList, FileStore
from layers.recovery.folder import BackupFolder
from layers.recovery.logical import restore_dump
from layers.recovery.manifest import LogicalBackup, Manifest, PhysicalBackup
from layers.recovery.physical import flush_archive, remove_cluster, restore_cluster, take_log
from layers.recovery.restored import mark_restored
from layers.schema.migrate import migration_files
from server.installation import PROJECT
from server.recovery.backup import StepReport, make_backup
from server.recovery.contents import CONFIG, HOME, RESTORED_CONFIG
from server.settings import Settings

_GROWTH = 1.3  # of a database: its log beside it


@dataclass(frozen=True, slots=True)
class WantedBackup:
    """What is to be restored: the state of a backup, by its id; that of a moment; or (with neither) the newest."""

    backup_id: str | None = None
    moment: datetime | None = None

    def choose(self, folder: BackupFolder) -> Manifest:
        """Return the backup from which the restore begins.

        Raises
        ------
        BadInput
            When there is no backup of before the moment, or the backup is a dump, which has a moment of its own.
        Conflict
            When the backup was made by a newer program.
        NotFound
            When there is no such backup.
        """
        manifest = folder.newest(self.moment) if self.backup_id is None else folder.read(self.backup_id)
        if self.moment is not None and isinstance(manifest.database, LogicalBackup):
            raise BadInput(
                "一次转储只有它自己的时刻 a dump has one moment, its own; points in time are the matter of the "
                "server's own backups; choose a dump with --backup",
                parameter="to",
            )
        if manifest.migration not in {path.stem for path in migration_files()}:
            raise Conflict(
                f"backup {manifest.id} is of a newer program ({manifest.build}, {manifest.migration}); update OneMap"
            )
        return manifest

    def target(self, manifest: Manifest) -> RecoveryTarget:
        """Return where the recovery of a chosen backup ends."""
        if self.moment is None and self.backup_id is not None and isinstance(manifest.database, PhysicalBackup):
            return RecoveryTarget(point=manifest.database.restore_point)
        return RecoveryTarget(moment=self.moment)


@dataclass(frozen=True, slots=True)
class Restored:
    """A finished restore.

    Attributes
    ----------
    files
        Number of files that were put back.
    former
        Where the home is that was there before; None when there was none.
    config
        The configuration of the backup where it differs from the present one; None where it is the same.
    """

    manifest: Manifest
    files: int
    former: Path | None
    config: Path | None


def restore(
    settings: Settings,
    folder: BackupFolder,
    wanted: WantedBackup,
    *,
    replace: bool = False,
    report: StepReport | None = None,
) -> Restored:
    """Restore the installation of the settings.

    Parameters
    ----------
    replace
        Replace a home or a OneMap that is there; the home is kept beside the new one, of a database a backup is made.

    Raises
    ------
    BadInput, NotFound
        When there is no such backup, or no log up to the moment.
    Conflict
        When there is something already, or it is running.
    DamagedBackup
        When the backup is not whole.
    Unavailable
        When there is no room, or PostgreSQL is missing.
    """
    report = report or (lambda *_: None)
    home = settings.home
    if supervisor_of(home) is not None:
        raise Conflict(f"正在运行 it is running: ./onemap stop --home {home}")
    occupied = home.exists() and any(home.iterdir())
    if settings.database.url is None and occupied and not replace:
        raise Conflict(f"{home} 不为空 is not empty; --replace restores over it, and keeps it beside the new one")
    if replace:
        _save_what_is_there(settings, folder, report)
    manifest = wanted.choose(folder)
    report("核对备份 checking the backup", 0, 0)
    files = check(folder, manifest, wanted)
    if settings.database.url is None:
        former, count = _restore_home(home, folder, manifest, files, wanted, report)
    else:
        former, count = None, _restore_database(settings, folder, manifest, files, report, replace=replace)
    return Restored(manifest, count, former, _differing_config(home))


def check(folder: BackupFolder, manifest: Manifest, wanted: WantedBackup) -> FileList:
    """Check every file of a backup against its checksum; return the list of files beside the database.

    Raises
    ------
    DamagedBackup
        When one is missing or damaged.
    """
    store = FileStore(folder.path)
    of_backup = isinstance(manifest.database, LogicalBackup) or wanted.backup_id is not None
    files = store.read(manifest.files) if of_backup and wanted.moment is None else store.at(wanted.moment)
    if damages := [*folder.damages(manifest), *store.damages(files)]:
        raise DamagedBackup(f"备份已损坏 the backup is damaged: {'; '.join(damages[:3])} ({len(damages)})")
    return files


def fill(home: Path, folder: BackupFolder, manifest: Manifest, target: RecoveryTarget, report: StepReport) -> str:
    """Make the database of a new home from a backup; leave it running, and return its URL."""
    report("数据库 database", 0, 0)
    make_home(home)
    if isinstance(manifest.database, LogicalBackup):
        cluster = PrivateCluster(home)
        url = cluster.start()
        asyncio.run(restore_dump(folder, manifest, url))
        return url
    return url_of(restore_cluster(folder, manifest, home, target))


def put_files(home: Path, folder: BackupFolder, files: FileList) -> int:
    """Write the files of a backup into a home, and its configuration into a folder there; return their number."""
    store = FileStore(folder.path)
    count = store.put_back(files, HOME, home)
    names = {entry.path.partition("/")[0] for entry in files.entries} - {HOME}
    for name in sorted(names):
        count += store.put_back(files, name, home / RESTORED_CONFIG / name)
    make_home(home)
    return count


def _restore_home(
    home: Path, folder: BackupFolder, manifest: Manifest, files: FileList, wanted: WantedBackup, report: StepReport
) -> tuple[Path | None, int]:
    working = home.with_name(f"{home.name}.restoring")
    discard(working)
    _require_room(home, manifest, files)
    url = fill(working, folder, manifest, wanted.target(manifest), report)
    asyncio.run(mark_restored(url, manifest.id, wanted.moment))
    report("文件 files", 0, 0)
    place = find_place(working)
    if place is not None:
        stop_server(place)
    count = put_files(working, folder, files)
    before = find_place(home)
    former = _swap(working, home)
    if former is not None and before is not None and before.archive is not None:
        archive_into(former, None)  # the log of the life that is left
        if before.archive.folder == folder.wal:
            take_log(home, folder.wal)
            archive_into(home, before.archive)
    return former, count


def _swap(working: Path, home: Path) -> Path | None:
    """Let the new home take the place of the old one; return where that is now."""
    former = None
    if home.exists() and any(home.iterdir()):
        former = home.with_name(f"{home.name}.before-{datetime.now(UTC):%Y%m%dT%H%M%SZ}")
        with home_lock(home):
            home.rename(former)
    elif home.exists():
        home.rmdir()
    working.rename(home)
    return former


def discard(home: Path) -> None:
    """Remove a home that a restore or a drill made, with its cluster, also one that was interrupted."""
    if home.exists():
        place = find_place(home)
        if place is not None:
            stop_server(place)
        remove_cluster(home)
        shutil.rmtree(home)


def _restore_database(
    settings: Settings, folder: BackupFolder, manifest: Manifest, files: FileList, report: StepReport, *, replace: bool
) -> int:
    report("数据库 database", 0, 0)
    url = str(settings.database.url)
    with home_lock(settings.home):
        asyncio.run(restore_dump(folder, manifest, url, replace=replace))
        asyncio.run(mark_restored(url, manifest.id, None))
        shutil.rmtree(settings.home / "tiles", ignore_errors=True)
        report("文件 files", 0, 0)
        return put_files(settings.home, folder, files)


def _save_what_is_there(settings: Settings, folder: BackupFolder, report: StepReport) -> None:
    """Save the newest state of what is replaced: the rest of the log of a home, or a dump of a database."""
    if settings.database.url is not None:
        report("先备份现状 backing up what is there", 0, 0)
        with_folder = settings.backup.model_copy(update={"folder": folder.path, "keep": 1000})
        make_backup(settings.model_copy(update={"backup": with_folder}), settings.database.url, "before a restore")
        return
    place = find_place(settings.home)
    if place is None or place.archive is None or place.archive.folder != folder.wal:
        return
    try:
        with borrowed_cluster(settings.home) as url:
            asyncio.run(flush_archive(url, settings.home))
    except OneMapError as error:  # what is replaced may be broken
        report(f"! 旧数据库的最后日志未能归档 the last log of the old database is not archived: {error.message}", 0, 0)


def _require_room(home: Path, manifest: Manifest, files: FileList) -> None:
    needed = int(manifest.database_bytes * _GROWTH) + sum(entry.bytes for entry in files.entries)
    there = next(parent for parent in home.parents if parent.exists())
    free = shutil.disk_usage(there).free
    if free < needed:
        raise Unavailable(
            f"磁盘空间不足 not enough room: {free / 1e9:.1f} GB are free at {there}, {needed / 1e9:.1f} GB are needed"
        )


def _differing_config(home: Path) -> Path | None:
    """Return the folder of the backup's configuration; remove it when the present one is the same."""
    restored, present = home / RESTORED_CONFIG, PROJECT / CONFIG
    names = [path.name for path in restored.iterdir()] if restored.is_dir() else []
    if names == [CONFIG] and _same(restored / CONFIG, present):
        shutil.rmtree(restored)
        return None
    return restored if names else None


def _same(one: Path, other: Path) -> bool:
    files = {path.relative_to(folder) for folder in (one, other) for path in folder.rglob("*") if path.is_file()}
    return not any(filecmp.cmpfiles(one, other, [str(path) for path in files], shallow=False)[1:])
