"""Backup and restore of the private cluster: a base backup, and the archive of its log."""

from __future__ import annotations

import asyncio
import gzip
import os
import shutil
import time
from pathlib import Path

import asyncpg

from layers.cluster import archive_into
from layers.cluster.archive import (
    LogArchive,
    archive_command,
    archived_segments,
    is_segment,
    lineage,
    missing_segments,
    obsolete_segments,
)
from layers.cluster.base_backup import (
    PARTS,
    BytesDone,
    DamagedBackup,
    RecoveryTarget,
    recover,
    unpack_base_backup,
    write_base_backup,
)
from layers.cluster.place import FALLBACK, ClusterLocation, find_place
from layers.database.connection import connect, connected
from layers.errors import Conflict, NotFound, Unavailable
from layers.recovery.folder import BackupFolder
from layers.recovery.manifest import DatabaseBackup, Manifest, PhysicalBackup, part_of, write_durably
from layers.recovery.measure import measure, restore_point

DATABASE = "database"
_ARCHIVE_SECONDS_MAX = 120
_RELOAD_SECONDS_MAX = 20
_LOOK_SECONDS = 0.05


async def system_of(url: str) -> str:
    """Return PostgreSQL's identifier of the private cluster at `url`."""
    async with connected(url, role=None) as connection:
        return str(await connection.fetchval("SELECT system_identifier FROM pg_control_system()"))


async def begin_archive(url: str, home: Path, folder: BackupFolder, timeout_s: int) -> None:
    """Archive the log of the home's running cluster into the folder of backups from now on; wait until it does.

    Raises
    ------
    NotFound
        When the home has no cluster.
    Unavailable
        When the cluster's account cannot reach the folder.
    """
    place = find_place(home)
    if place is None:
        raise NotFound(f"there is no database in {home}", parameter="home")
    wal = folder.wal
    wal.mkdir(mode=0o700, exist_ok=True)
    if not place.account.is_us:
        os.chown(wal, place.account.uid, place.account.gid)
    if not place.can_write(wal):
        raise Unavailable(
            f"数据库账户 {place.account.name} 无法进入 the database's account cannot reach {wal}; name a folder that "
            "every account can pass through, for example below /srv"
        )
    take_log(home, wal)
    archive_into(home, LogArchive(wal, timeout_s))
    deadline = time.monotonic() + _RELOAD_SECONDS_MAX
    while await _archive_command(url) != archive_command(wal):
        if time.monotonic() > deadline:
            raise Unavailable(f"the database keeps another archive_command; is there one in {place.data}/custom.conf?")
        await asyncio.sleep(_LOOK_SECONDS)


def take_log(home: Path, wal: Path) -> None:
    """Archive what a restored and stopped cluster has written of its own timeline while nothing was archived.

    A stop ends the segment it writes, so that the archive has the timeline from its begin.

    Raises
    ------
    Conflict
        When the archive has the log of another restore under the same number; nothing is written then.
    """
    place = find_place(home)
    histories = sorted((place.data / "pg_wal").glob("????????.history")) if place else []
    if place is None or not histories:
        return
    for history in histories:
        archived = wal / f"{history.name}.gz"
        if archived.exists() and gzip.decompress(archived.read_bytes()) != history.read_bytes():
            number = int(history.stem, 16)
            raise Conflict(f"{wal} holds the log of another restore (timeline {number}); back up into another folder")
    own = histories[-1].stem
    ended = sorted((place.data / "pg_wal" / "archive_status").glob(f"{own}*"))  # .ready or .done
    segments = [file for one in ended if (file := place.data / "pg_wal" / one.stem).exists()]
    for file in (*histories, *(one for one in segments if is_segment(one.name))):
        archived = wal / f"{file.name}.gz"
        if not archived.exists():
            write_durably(archived, gzip.compress(file.read_bytes(), 1))
            if not place.account.is_us:
                os.chown(archived, place.account.uid, place.account.gid)


async def _archive_command(url: str) -> str:
    """Return the command that the archiver uses for its next segment: a new session knows what it was told before."""
    async with connected(url, role=None) as connection:
        return str(await connection.fetchval("SHOW archive_command"))


async def back_up_cluster(url: str, place: ClusterLocation, half: Path, progress: BytesDone) -> DatabaseBackup:
    """Write a base backup into the folder of a new backup, and a restore point at which the database is measured.

    Raises
    ------
    Conflict
        When the server was started by an older version, without an archive.
    Unavailable
        When the backup fails, or the archive takes no segment in time.
    """
    connection, other = await connect(url, role=None), await connect(url, role=None)
    try:
        if await connection.fetchval("SHOW archive_mode") == "off":
            raise Conflict("the database was started without an archive; stop OneMap and start it once, then back up")
        size = await connection.fetchval("SELECT sum(pg_database_size(oid)) FROM pg_database")
        base = write_base_backup(place, half / DATABASE, half.name, progress)
        async with restore_point(connection, other) as point:
            last = await other.fetchval("SELECT pg_walfile_name(pg_current_wal_lsn())")
            await other.execute("SELECT pg_switch_wal()")
            measured = await measure(connection, exact=point.exact)
        await wait_for_segment(other, place, last)
        system = await connection.fetchval("SELECT system_identifier FROM pg_control_system()")
    finally:
        await connection.close()
        await other.close()
    database = PhysicalBackup(
        system=str(system),
        version=place.data_version or 0,
        first_segment=base.first_segment,
        last_segment=last,
        restore_point=point.name,
    )
    return DatabaseBackup(database, size, measured, tuple(part_of(half, f"{DATABASE}/{name}") for name in PARTS))


async def flush_archive(url: str, home: Path) -> None:
    """Archive everything that is committed now, and wait until it is in the archive.

    Raises
    ------
    Unavailable
        When there is no archive, or it takes no segment in time.
    """
    place = find_place(home)
    if place is None:
        raise Unavailable(f"there is no database in {home}")
    async with connected(url, role=None) as connection:
        last = await connection.fetchval("SELECT pg_walfile_name(pg_create_restore_point('onemap flush'))")
        await connection.execute("SELECT pg_switch_wal()")
        await wait_for_segment(connection, place, last)


async def wait_for_segment(connection: asyncpg.Connection, place: ClusterLocation, segment: str) -> None:
    """Wait until a segment is in the archive of a running cluster.

    Raises
    ------
    Unavailable
        When that takes too long; the message names the last failure.
    """
    if place.archive is None:
        raise Unavailable("the log of this database is not archived; make a backup first")
    deadline = time.monotonic() + _ARCHIVE_SECONDS_MAX
    file = place.archive.folder / f"{segment}.gz"
    while not file.exists():
        if time.monotonic() > deadline:
            failed = await connection.fetchval("SELECT last_failed_wal FROM pg_stat_archiver")
            raise Unavailable(
                f"the archive {place.archive.folder} did not take segment {segment} in {_ARCHIVE_SECONDS_MAX} s "
                f"(last failed: {failed or 'none'}); has its disk room? see {place.log}"
            )
        await asyncio.sleep(_LOOK_SECONDS)


def restore_cluster(folder: BackupFolder, manifest: Manifest, home: Path, target: RecoveryTarget) -> ClusterLocation:
    """Make the cluster of a home from a backup, and recover it to a target; leave it running.

    Raises
    ------
    BadInput
        When the archived log ends before the target.
    Conflict
        When it is no backup of a private cluster.
    DamagedBackup
        When a file is not what was backed up, or the log has a gap.
    Unavailable
        When PostgreSQL of the backup's version is not installed, or does not start.
    """
    if not isinstance(manifest.database, PhysicalBackup):
        raise Conflict(f"{manifest.id} is a dump of a server's database, not a base backup")
    if gaps := _gaps(folder, manifest.database, target):
        raise DamagedBackup(f"the archived log has gaps: {', '.join(gaps[:5])} of {len(gaps)} segments are missing")
    source = folder.of(manifest.id) / DATABASE
    place = unpack_base_backup(source, home, manifest.database.version)
    if not place.account.is_us:  # a copy from another machine may have another number for the account
        for path in (folder.wal, *folder.wal.iterdir()):
            os.chown(path, place.account.uid, place.account.gid)
    recover(place, folder.wal, target)
    return place


def _gaps(folder: BackupFolder, database: PhysicalBackup, target: RecoveryTarget) -> list[str]:
    """Return the missing segments up to a target; for a moment none: PostgreSQL says when it does not reach one."""
    present = archived_segments(folder.wal)
    if target.moment is not None:
        return []
    if target.point is None:
        return missing_segments(present, database.first_segment, lineage(folder.wal))
    if database.last_segment not in present:
        return [database.last_segment]
    own = {int(database.last_segment[:8], 16): None}  # a point is looked for in the timeline of its backup
    return missing_segments(present[: present.index(database.last_segment) + 1], database.first_segment, own)


def prune_log(folder: BackupFolder, oldest: Manifest) -> int:
    """Remove archived segments that no kept backup needs; return the removed bytes."""
    if not isinstance(oldest.database, PhysicalBackup):
        return 0
    removed = 0
    for segment in obsolete_segments(archived_segments(folder.wal), oldest.database.first_segment):
        file = folder.wal / f"{segment}.gz"
        removed += file.stat().st_size
        file.unlink()
    return removed


def remove_cluster(home: Path) -> None:
    """Remove the folder of a stopped cluster, also where it is outside the home."""
    place = find_place(home)
    if place is not None and place.folder.is_relative_to(FALLBACK):
        shutil.rmtree(place.folder)
