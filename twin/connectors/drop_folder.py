"""The folder of a feed where files are dropped: whole files are claimed by a rename, taken, and put away.

::

    <home>/drops/<feed>/            senders put files here: first under another name (.part, .tmp, a dot in front)
                        taking/     files being taken; after a crash again, unless reading the file killed the process
                        done/       files that were taken, each with a report when rows were refused
                        failed/     files that could not be read, each with the reason beside it

A sender's name cannot lead out of the folder: names come from the folder's own listing, links are not followed.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from twin.envelope.refused import Reason, Refused
from twin.feeds.definition import FeedConnection
from twin.feeds.table import FILE_BYTES_MAX

TAKING, DONE, FAILED = "taking", "done", "failed"
COUNT = ".count"
_UNFINISHED = (".part", ".tmp", ".temp", ".filepart", ".partial", ".crdownload", COUNT)
_COUNT_BYTES_MAX = 100

type FileName = Annotated[str, Field(pattern=r"^[^/\\]{1,200}$")]  # or a pattern of them, as in a shell
type FileStamp = tuple[int, int, int]  # inode, size in bytes, time of change in ns


class DropConnection(FeedConnection):
    """Which files are taken, and how they are read.

    Attributes
    ----------
    pattern
        Of the names of the files.
    whole
        Whether a file has all features, or the changed ones.
    count_file
        Whether a file waits for ``{name}.count``, which has its number of rows.
    """

    pattern: FileName
    whole: bool = False
    count_file: bool = False


@dataclass(frozen=True, slots=True)
class DroppedFile:
    """A file that was read.

    Attributes
    ----------
    digest
        SHA-256 of its bytes.
    written_at
        Time of the sender's last change.
    rows
        Number of rows by its count file; None without one.
    """

    name: str
    body: bytes
    digest: bytes
    written_at: datetime
    rows: int | None


class DropFolder:
    """The folder of one feed; it is created if it does not exist.

    Parameters
    ----------
    pattern
        Of the names that are taken, as in a shell; case-sensitive.
    counted
        Whether a file waits for its count file.
    """

    def __init__(self, folder: Path, pattern: str, *, counted: bool = False) -> None:
        self._folder, self._pattern, self._counted = folder, pattern, counted
        self._seen: dict[str, FileStamp] = {}
        for part in (TAKING, DONE, FAILED):
            (folder / part).mkdir(parents=True, exist_ok=True)

    def look(self) -> list[str]:
        """Return the names of files that are whole: neither new nor changed since the last look; the oldest first."""
        now = self._looks()
        whole = [name for name, look in now.items() if self._seen.get(name) == look]
        self._seen = now
        return sorted(whole, key=lambda name: (now[name][2], name))

    def _looks(self) -> dict[str, FileStamp]:
        looks = {}
        with os.scandir(self._folder) as entries:
            for entry in entries:
                name = entry.name
                if name.startswith(".") or name.lower().endswith(_UNFINISHED) or not fnmatchcase(name, self._pattern):
                    continue
                try:
                    of = entry.stat(follow_symlinks=False)
                except FileNotFoundError:  # removed meanwhile
                    continue
                if stat.S_ISREG(of.st_mode) and (not self._counted or (self._folder / (name + COUNT)).is_file()):
                    looks[name] = of.st_ino, of.st_size, of.st_mtime_ns
        return looks

    def claim(self, name: str) -> bool:
        """Move a file to ``taking/``, where no sender replaces it; False when it is gone, or its name is there."""
        claimed = self._folder / TAKING / name
        if claimed.exists():
            return False
        return _rename(self._folder / name, claimed)

    def claimed(self) -> list[str]:
        """Return the names of claimed files; in a new process, those an earlier one has left."""
        names = (entry.name for entry in os.scandir(self._folder / TAKING) if entry.is_file(follow_symlinks=False))
        return sorted(name for name in names if not name.endswith(COUNT) and not name.startswith("."))

    @contextmanager
    def first_reading(self, name: str) -> Iterator[None]:
        """Leave a mark while a claimed file is read for the first time.

        Raises
        ------
        Refused
            When there is a mark: an earlier process was killed while it read this file, as this one would be.
        """
        mark = self._mark(name)
        if mark.exists():
            raise Refused(Reason.ENDED_THE_READER, "the program was killed while it read this file")
        mark.touch()
        try:
            yield
        finally:
            mark.unlink(missing_ok=True)

    def _mark(self, name: str) -> Path:
        return self._folder / TAKING / f".{hashlib.sha256(name.encode()).hexdigest()[:32]}.reading"

    def read(self, name: str) -> DroppedFile:
        """Read a claimed file.

        Raises
        ------
        Refused
            When it is too large, is no plain file, or its count file has no number.
        BlockingIOError
            When it is still being written.
        """
        path = self._folder / TAKING / name
        if not path.with_name(name + COUNT).exists():
            _rename(self._folder / (name + COUNT), path.with_name(name + COUNT))
        body, of = _read(path, FILE_BYTES_MAX)
        digest = hashlib.sha256(body).digest()
        return DroppedFile(name, body, digest, datetime.fromtimestamp(of.st_mtime, tz=UTC), _rows(path))

    def put_away(
        self, name: str, where: Literal["done", "failed"], digest: bytes, notes: Mapping[str, bytes] | None = None
    ) -> Path:
        """Move a claimed file to its last place, with notes beside it by ending; return its new path.

        It replaces no file: if its name is taken, it gets part of its digest into its name.
        """
        path, target = self._folder / TAKING / name, self._folder / where / name
        if target.exists():
            target = target.with_name(f"{target.stem}~{digest.hex()[:12]}{target.suffix}")
        for ending, text in (notes or {}).items():
            target.with_name(target.name + ending).write_bytes(text)
        _rename(path.with_name(name + COUNT), target.with_name(target.name + COUNT))
        path.replace(target)
        self._mark(name).unlink(missing_ok=True)
        return target


def _read(path: Path, bytes_max: int) -> tuple[bytes, os.stat_result]:
    """Read a plain file that is not being written."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:  # a link, or no permission
        raise Refused(Reason.NOT_A_TABLE, f"{path.name} cannot be opened: {error.strerror}") from error
    with open(descriptor, "rb") as file:  # noqa: PTH123  # a descriptor that was opened without following links
        before = os.fstat(descriptor)
        if not stat.S_ISREG(before.st_mode):
            raise Refused(Reason.NOT_A_TABLE, f"{path.name} is no plain file")
        if before.st_size > bytes_max:
            raise Refused(Reason.TOO_LARGE, f"{path.name} has {before.st_size} bytes; at most {bytes_max}")
        body = file.read(bytes_max + 1)
        after = os.fstat(descriptor)
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns) or len(body) != after.st_size:
        raise BlockingIOError(f"{path.name} is still being written")
    return body, after


def _rows(path: Path) -> int | None:
    count = path.with_name(path.name + COUNT)
    if not count.is_file():
        return None
    written = _read(count, _COUNT_BYTES_MAX)[0].removeprefix(b"\xef\xbb\xbf").strip()
    if not written.isdigit():
        raise Refused(Reason.NOT_A_TABLE, f"{count.name} holds no number of rows")
    return int(written)


def _rename(path: Path, target: Path) -> bool:
    try:
        path.rename(target)
    except FileNotFoundError:
        return False
    return True
