"""Files beside the database: every content is stored once, and lists say which was where at a moment.

Rasters are large and never change, so a list costs as much as the files that are new in it. A file is compared by
size and time of change with the list before; only what differs is read.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from layers.cluster.base_backup import DamagedBackup
from layers.errors import Unavailable
from layers.recovery.manifest import digest_of, sync_folder, write_durably

_CHUNK_BYTES = 1024 * 1024
_NAME = re.compile(r"\d{8}T\d{12}Z")
_TEMPORARY = (".new", ".part")


class FileEntry(BaseModel):
    """A file or a folder (without `sha256`): its path, rights and owner."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str
    mode: int
    uid: int
    gid: int
    bytes: int = 0
    mtime_ns: int = 0
    sha256: str | None = None


class FileList(BaseModel):
    """The files at a moment, in the order of their paths."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    at: datetime
    entries: tuple[FileEntry, ...]
    skipped: tuple[str, ...] = ()


class FileStore:
    """The folders `files` and `lists` of a folder of backups."""

    def __init__(self, folder: Path) -> None:
        self._contents = folder / "files"
        self._lists = folder / "lists"

    def take(self, sources: Mapping[str, Path], excluded: Iterable[Path] = ()) -> str:
        """Store the files of some folders, and return the name of the list.

        Parameters
        ----------
        sources
            Files and folders by the path that they have in the list; those that do not exist are left out.
        excluded
            Files and folders that are left out, with all that is in them.

        Raises
        ------
        Unavailable
            When the store cannot be written, for example because its disk is full.
        """
        at = datetime.now(UTC)
        known = {entry.path: entry for entry in self.latest().entries} if self.names() else {}
        skipped: list[str] = []
        try:
            for folder in (self._contents, self._lists):
                folder.mkdir(mode=0o700, exist_ok=True)
            entries = sorted(
                (
                    entry
                    for path, file in _walk(sources, set(excluded), skipped)
                    if (entry := self._take(path, file, known.get(path), skipped)) is not None
                ),
                key=lambda entry: entry.path,
            )
            name = at.strftime("%Y%m%dT%H%M%S%fZ")
            content = FileList(at=at, entries=tuple(entries), skipped=tuple(skipped)).model_dump_json(indent=1)
            write_durably(self._lists / f"{name}.json", content.encode())
        except OSError as error:
            raise Unavailable(f"cannot store files: {error.strerror}: {error.filename}") from error
        return name

    def _take(self, path: str, file: Path, known: FileEntry | None, skipped: list[str]) -> FileEntry | None:
        try:
            status = file.lstat()
            entry = FileEntry(path=path, mode=status.st_mode & 0o7777, uid=status.st_uid, gid=status.st_gid)
            if file.is_dir():
                return entry
            stamped = {"bytes": status.st_size, "mtime_ns": status.st_mtime_ns}
            same = known is not None and (known.bytes, known.mtime_ns) == (status.st_size, status.st_mtime_ns)
            digest = known.sha256 if same and known is not None else None
            if digest is None or not self._file(digest).exists():
                digest = self._store(file)
        except FileNotFoundError:  # removed meanwhile
            if not self._contents.exists():
                raise
            return None
        except PermissionError:
            skipped.append(f"{path}: not readable")
            return None
        return entry.model_copy(update={**stamped, "sha256": digest})

    def _store(self, file: Path) -> str:
        half = self._contents / f".{os.getpid()}.part"
        digest = hashlib.sha256()
        with file.open("rb") as source, half.open("wb") as target:
            while chunk := source.read(_CHUNK_BYTES):
                digest.update(chunk)
                target.write(chunk)
            target.flush()
            os.fsync(target.fileno())
        stored = self._file(digest.hexdigest())
        if stored.exists():
            half.unlink()
            return stored.name
        stored.parent.mkdir(mode=0o700, exist_ok=True)
        half.replace(stored)
        sync_folder(stored.parent)
        return stored.name

    def _file(self, digest: str) -> Path:
        return self._contents / digest[:2] / digest

    def names(self) -> list[str]:
        """Return the names of all lists, oldest first."""
        return sorted(path.stem for path in self._lists.glob("*.json") if _NAME.fullmatch(path.stem))

    def read(self, name: str) -> FileList:
        """Read a list.

        Raises
        ------
        DamagedBackup
            When it is missing or cannot be read.
        """
        try:
            return FileList.model_validate_json((self._lists / f"{name}.json").read_bytes())
        except (OSError, ValidationError) as error:
            raise DamagedBackup(f"the list of files {name} cannot be read: {str(error).splitlines()[0]}") from error

    def latest(self) -> FileList:
        """Return the newest list."""
        return self.read(self.names()[-1])

    def at(self, moment: datetime | None) -> FileList:
        """Return the files as of a moment: those of the list before it, with those that only the next list has.

        A file of which a row of the database speaks was written before the row; so the list after a moment has all
        files of that moment but the removed ones, which are in the list before.
        """
        lists = [self.read(name) for name in self.names()]
        if moment is None or lists[-1].at <= moment:
            return lists[-1]
        before = [one for one in lists if one.at <= moment][-1:]
        after = next(one for one in lists if one.at > moment)
        entries = {entry.path: entry for one in (after, *before) for entry in one.entries}
        return after.model_copy(update={"entries": tuple(entries[path] for path in sorted(entries))})

    def damages(self, files: FileList) -> list[str]:
        """Compare stored contents with a list; return what is wrong, in words."""
        found = []
        for entry in files.entries:
            if entry.sha256 is not None:
                stored = self._file(entry.sha256)
                if not stored.is_file():
                    found.append(f"the content of {entry.path} is missing")
                elif digest_of(stored)[0] != entry.sha256:
                    found.append(f"the content of {entry.path} is damaged")
        return found

    def put_back(self, files: FileList, prefix: str, target: Path) -> int:
        """Write the files of a list whose path begins with `prefix` into a folder; return their number.

        Rights are restored, and as root owners too. Contents are checked while they are copied.

        Raises
        ------
        DamagedBackup
            When a content is missing or is not what was stored.
        """
        count, folders = 0, []
        for entry in files.entries:
            if entry.path != prefix and not entry.path.startswith(f"{prefix}/"):
                continue
            place = target / entry.path.removeprefix(prefix).lstrip("/") if entry.path != prefix else target
            if entry.sha256 is None:
                place.mkdir(parents=True, exist_ok=True)
                folders.append((place, entry))
                continue
            place.parent.mkdir(parents=True, exist_ok=True)
            self._write(entry, place)
            count += 1
        for place, entry in reversed(folders):  # a folder without the right to write is filled first
            _set_rights(place, entry)
        return count

    def _write(self, entry: FileEntry, place: Path) -> None:
        source = self._file(str(entry.sha256))
        try:
            shutil.copyfile(source, place)
        except FileNotFoundError as error:
            raise DamagedBackup(f"the content of {entry.path} is missing in the backup") from error
        if digest_of(place)[0] != entry.sha256:
            raise DamagedBackup(f"the content of {entry.path} is damaged in the backup")
        os.utime(place, ns=(entry.mtime_ns, entry.mtime_ns))
        _set_rights(place, entry)

    def prune(self, since: datetime, kept: Iterable[str]) -> int:
        """Remove the lists of before a moment but those `kept`, and contents in no list; return the removed bytes."""
        keep, names, removed = set(kept), self.names(), 0
        for name in names:
            if name not in keep and self.read(name).at < since:
                (self._lists / f"{name}.json").unlink()
        used = {entry.sha256 for name in self.names() for entry in self.read(name).entries}
        for stored in self._contents.glob("??/*"):
            if stored.name not in used:
                removed += stored.stat().st_size
                stored.unlink()
        return removed


def _walk(sources: Mapping[str, Path], excluded: set[Path], skipped: list[str]) -> Iterator[tuple[str, Path]]:
    for name, top in sources.items():
        if top.is_file():
            yield name, top
        for folder, folders, files in os.walk(top):
            here = Path(folder)
            inside = here.relative_to(top)
            yield (f"{name}/{inside}" if inside.parts else name), here
            skipped += [f"{here / one}: a link" for one in (*folders, *files) if (here / one).is_symlink()]
            folders[:] = sorted(one for one in folders if here / one not in excluded and not (here / one).is_symlink())
            for one in sorted(files):
                file = here / one
                if file in excluded or file.is_symlink() or not file.is_file() or one.endswith(_TEMPORARY):
                    continue
                yield f"{name}/{file.relative_to(top)}", file


def _set_rights(place: Path, entry: FileEntry) -> None:
    if os.geteuid() == 0:
        with suppress(OSError):  # a disk without owners
            os.chown(place, entry.uid, entry.gid)
    place.chmod(entry.mode)
