"""The folder of backups.

::

    FOLDER/                      0700 (0711 when root made it: the account of PostgreSQL passes through)
      onemap-backups.json        whose backups these are
      20261129T231500Z/          a whole backup: its manifest, and its parts in `database`
      20261129T233000Z.half/     one that was interrupted; the next backup removes it
      wal/                       the archived log, the cluster's own
      files/  lists/             files beside the database, each content once; what was where, and when
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from layers.cluster.archive import is_in_lineage, lineage
from layers.cluster.base_backup import DamagedBackup
from layers.cluster.lock import hold, holder
from layers.errors import BadInput, Conflict, NotFound, Unavailable
from layers.recovery.manifest import (
    MANIFEST_FILE,
    LogicalBackup,
    Manifest,
    digest_of,
    read_manifest,
    sync_folder,
    write_durably,
)

_RECORD = "onemap-backups.json"
_LOCK = "lock"
_HALF = ".half"
_ID = re.compile(r"\d{8}T\d{6}Z(-\d+)?")


class BackupFolder:
    """A folder with the backups of one database."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()

    @property
    def wal(self) -> Path:
        """The archived log."""
        return self.path / "wal"

    def prepare(self, system: str) -> None:
        """Make the folder, or check that it holds backups of this database.

        Raises
        ------
        BadInput
            When it holds something else.
        Conflict
            When it holds backups of another database.
        Unavailable
            When it cannot be made.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            names = {one.name for one in self.path.iterdir()} - {"lost+found", _LOCK}
        except OSError as error:
            raise Unavailable(f"cannot make the folder of backups {self.path}: {error.strerror}") from error
        if _RECORD not in names:
            if names:
                raise BadInput(f"{self.path} is not empty and holds no backups of OneMap; name another", parameter="to")
            self.path.chmod(0o711 if os.geteuid() == 0 else 0o700)
            write_durably(self.path / _RECORD, json.dumps({"format": 1, "system": system}, indent=2).encode())
        elif (known := self.system()) != system:
            raise Conflict(
                f"{self.path} holds the backups of another database ({known}; this one is {system}); name another"
            )

    def system(self) -> str:
        """Return whose backups these are.

        Raises
        ------
        NotFound
            When it is no folder of backups.
        """
        try:
            return str(json.loads((self.path / _RECORD).read_bytes())["system"])
        except PermissionError as error:
            raise Unavailable(f"{self.path} belongs to another account; take that one, or sudo") from error
        except (OSError, ValueError, LookupError) as error:
            raise NotFound(f"{self.path} holds no backups of OneMap", parameter="from") from error

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the folder for writing; the lock is the kernel's and ends with the process.

        Raises
        ------
        Conflict
            When another backup is being written.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        try:
            with hold(self.path / _LOCK):
                yield
        except Conflict as error:
            process = holder(self.path / _LOCK)
            if process is None or process == os.getpid():
                raise
            raise Conflict(
                f"正在备份 another backup is being written to {self.path} (进程 process {process})"
            ) from error

    @contextmanager
    def new_backup(self) -> Iterator[tuple[str, Path]]:
        """Yield id and folder of a new backup; it becomes a whole one when the block ends without an error.

        The block writes the manifest last. Until then the folder's name says that it is half a backup.

        Raises
        ------
        DamagedBackup
            When the block wrote no manifest.
        """
        backup_id = self._free_id()
        half = self.path / f"{backup_id}{_HALF}"
        half.mkdir(mode=0o700)
        yield backup_id, half
        if not (half / MANIFEST_FILE).exists():
            raise DamagedBackup(f"{half} got no manifest")
        sync_folder(half)
        half.rename(self.path / backup_id)
        sync_folder(self.path)

    def _free_id(self) -> str:
        wanted = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        taken, number, found = {path.name.removesuffix(_HALF) for path in self.path.iterdir()}, 1, wanted
        while found in taken:
            number += 1
            found = f"{wanted}-{number}"
        return found

    def ids(self) -> list[str]:
        """Return the ids of the whole backups, oldest first."""
        self.system()
        return sorted(path.name for path in self.path.iterdir() if _ID.fullmatch(path.name))

    def halves(self) -> list[Path]:
        """Return the folders of interrupted backups."""
        return sorted(path for path in self.path.glob(f"*{_HALF}") if _ID.fullmatch(path.name.removesuffix(_HALF)))

    def of(self, backup_id: str) -> Path:
        """Return the folder of a backup."""
        return self.path / backup_id

    def read(self, backup_id: str | None = None) -> Manifest:
        """Return the manifest of a backup, by default of the newest.

        Raises
        ------
        NotFound
            When there is none.
        DamagedBackup
            When it cannot be read.
        """
        known = self.ids()
        if backup_id is not None and backup_id not in known:
            raise NotFound(
                f"there is no backup '{backup_id[:40]}' in {self.path}; there are: {', '.join(known) or 'none'}"
            )
        if not known:
            raise NotFound(f"{self.path} holds no whole backup yet; make one: ./onemap backup")
        return read_manifest(self.of(backup_id or known[-1]))

    def newest(self, moment: datetime | None = None) -> Manifest:
        """Return the newest backup that leads to the newest state, or the newest that was whole at a moment.

        Raises
        ------
        BadInput
            When there is none of before the moment; the message says when the oldest was made.
        NotFound
            When there is none at all.
        """
        if moment is None and not self.ids():
            return self.read()
        known = lineage(self.wal)
        manifests = [one for one in map(self.read, self.ids()) if _leads_on(one, known)]
        for manifest in reversed(manifests):
            if moment is None or manifest.ended_at <= moment:
                return manifest
        oldest = f"the oldest is of {manifests[0].ended_at.isoformat()}" if manifests else "there is none at all"
        before = "" if moment is None else f" of before {moment.isoformat()}"
        raise BadInput(f"there is no backup{before}; {oldest}", parameter="to")

    def damages(self, manifest: Manifest) -> list[str]:
        """Compare the parts of a backup with its manifest; return what is wrong, in words."""
        found = []
        for part in manifest.parts:
            file = self.of(manifest.id) / part.path
            if not file.is_file():
                found.append(f"{file} is missing")
            elif digest_of(file) != (part.sha256, part.bytes):
                found.append(f"{file} is not the file that was written")
        return found

    def remove(self, backup_id: str) -> None:
        """Remove a backup; while it goes, its name says that it is half."""
        half = self.path / f"{backup_id}{_HALF}"
        self.of(backup_id).rename(half)
        shutil.rmtree(half)


def _leads_on(manifest: Manifest, known: Mapping[int, str | None]) -> bool:
    return isinstance(manifest.database, LogicalBackup) or is_in_lineage(known, manifest.database.last_segment)
