"""Base backups of the private cluster: written by ``pg_basebackup``, unpacked and recovered from the archive."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from layers.cluster.archive import restore_command, segment_of
from layers.cluster.place import ClusterLocation, make_place
from layers.cluster.programs import find_programs
from layers.cluster.server import start_server, stop_server
from layers.errors import BadFile, BadInput, Unavailable

type BytesDone = Callable[[int, int], None]  # done and all, in bytes

BASE, WAL, MANIFEST = "base.tar.gz", "pg_wal.tar.gz", "backup_manifest"
PARTS = (BASE, WAL, MANIFEST)
_PROGRESS = re.compile(r"(\d+)/(\d+) kB")
_NOT_REACHED = "recovery ended before configured recovery target was reached"


class DamagedBackup(BadFile):
    """A file of a backup is missing, cannot be read, or is not what was written."""


@dataclass(frozen=True, slots=True)
class BaseBackup:
    """Where a base backup lies in the log: its timeline, and the segments in which it begins and ends."""

    timeline: int
    first_segment: str
    last_segment: str


@dataclass(frozen=True, slots=True)
class RecoveryTarget:
    """Where a recovery ends: at a moment, at a named point, or (without either) at the end of the archive.

    A point is looked for in the timeline of its backup, a moment and the end in the newest timeline.

    Attributes
    ----------
    pause
        Stay at the point, for reading alone, instead of beginning a new timeline.
    """

    moment: datetime | None = None
    point: str | None = None
    pause: bool = False

    def settings(self, archive: Path) -> dict[str, object]:
        """Return PostgreSQL's settings of the recovery."""
        found: dict[str, object] = {
            "restore_command": restore_command(archive),
            "hot_standby": "on",
            "recovery_init_sync_method": "syncfs",  # thousands of new files, on a disk of our own
            "recovery_target_action": "pause" if self.pause else "promote",
            "recovery_target_timeline": "latest" if self.point is None else "current",
        }
        if self.moment is not None:
            found["recovery_target_time"] = self.moment.isoformat()
        if self.point is not None:
            found["recovery_target_name"] = self.point
        return found


def write_base_backup(place: ClusterLocation, target: Path, label: str, progress: BytesDone) -> BaseBackup:
    """Write a base backup of a running cluster into the new folder `target`: the files `PARTS`.

    Raises
    ------
    Unavailable
        When PostgreSQL's programs are missing or the backup fails; the message says why.
    """
    programs = find_programs(place.data_version)
    command = [
        *(str(programs.folder / "pg_basebackup"), "-h", str(place.socket_dir), "-U", "postgres", "--no-password"),
        *("-D", str(target), "--format=tar", "--compress=1", "--wal-method=stream", "--checkpoint=fast"),
        *("--label", label, "--manifest-checksums=SHA256", "--progress"),
    ]
    last = ""
    with subprocess.Popen(command, cwd="/", env=programs.environment, stderr=subprocess.PIPE, text=True) as process:  # noqa: S603
        try:
            for line in process.stderr or ():
                if found := _PROGRESS.search(line):
                    progress(int(found[1]) * 1024, int(found[2]) * 1024)
                last = line.strip() or last
        except BaseException:
            process.terminate()
            raise
    if process.returncode:
        raise Unavailable(f"the base backup failed: {last}")
    return read_base_backup(target)


def read_base_backup(folder: Path) -> BaseBackup:
    """Read where the base backup in `folder` lies in the log.

    Raises
    ------
    DamagedBackup
        When its manifest cannot be read.
    """
    try:
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_bytes())
        ranges = manifest["WAL-Ranges"]
        timeline = int(ranges[-1]["Timeline"])
        first = segment_of(int(ranges[0]["Timeline"]), ranges[0]["Start-LSN"])
        return BaseBackup(timeline, first, segment_of(timeline, ranges[-1]["End-LSN"]))
    except (OSError, ValueError, LookupError) as error:
        raise DamagedBackup(f"the base backup in {folder} has no readable manifest: {error}") from error


def unpack_base_backup(source: Path, home: Path, version: int) -> ClusterLocation:
    """Unpack a base backup into a home without a cluster, and check every file of it.

    Raises
    ------
    Conflict, Unavailable
        When the cluster's folder cannot be made, or no PostgreSQL of this version is installed.
    DamagedBackup
        When a file is not what was backed up.
    """
    programs = find_programs(version)
    place = make_place(home)
    half = place.folder / "data.new"
    shutil.rmtree(half, ignore_errors=True)
    half.mkdir(mode=0o700)
    _extract(source / BASE, half)
    _extract(source / WAL, half / "pg_wal")
    shutil.copyfile(source / MANIFEST, half / MANIFEST)
    _give(half, place)
    if (programs.folder / "pg_verifybackup").exists():
        checked = programs.run(place.account, "pg_verifybackup", "--no-parse-wal", "--exit-on-error", half)
        if checked.returncode:
            raise DamagedBackup(f"the base backup in {source} is damaged: {checked.stderr.strip()}")
    half.rename(place.data)
    return place


def _extract(archive: Path, target: Path) -> None:
    try:
        with tarfile.open(archive, "r:gz") as opened:
            opened.extractall(target, filter=_closed)  # noqa: S202  # the filter is the one for data of strangers
    except (tarfile.TarError, OSError, EOFError) as error:
        raise DamagedBackup(f"{archive} cannot be unpacked: {error}") from error


def _closed(member: tarfile.TarInfo, target: str) -> tarfile.TarInfo:
    """Return a member as it may be unpacked: inside the folder, ours, closed to other accounts."""
    return tarfile.data_filter(member, target).replace(mode=0o700 if member.isdir() else 0o600, deep=False)


def _give(folder: Path, place: ClusterLocation) -> None:
    if place.account.is_us:
        return
    for path in (folder, *folder.rglob("*")):
        os.chown(path, place.account.uid, place.account.gid, follow_symlinks=False)


def recover(place: ClusterLocation, archive: Path, target: RecoveryTarget) -> None:
    """Recover an unpacked or paused cluster up to a target, and leave it running.

    Raises
    ------
    BadInput
        When the log of the archive ends before the target.
    Unavailable
        When the server does not start; the message says why.
    """
    stop_server(place)
    (place.data / "recovery.signal").touch(mode=0o600)
    _give(place.data / "recovery.signal", place)
    try:
        start_server(place, durable=True, recovery=target.settings(archive))
    except Unavailable as error:
        if _NOT_REACHED in error.message:
            raise BadInput(
                f"the archive ends before {target.moment or target.point}; restore its end, without --to",
                parameter="to",
            ) from error
        raise
