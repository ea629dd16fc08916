"""A folder where files are dropped: which of them are whole, claimed by a rename, and where they are put in the end.

::

    <home>/drops/<feed>/            senders put files here: first under another name (.part, .tmp, a dot in front)
                        taking/     what is being taken; after a crash again, unless it killed its reader
                        done/       what was taken, each with a report when rows were refused
                        failed/     what could not be read, each with the reason beside it

Nothing a sender names leads out of the folder: names come from the folder's own listing, links are not followed.
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
    """Which files are taken, and what they hold.

    Attributes
    ----------
    pattern
        Of the names of the files.
    whole
        Whether a file is everything there is, or what changed.
    count_file
        Whether a file waits for ``{its name}.count``, which has its number of rows.
    """

    pattern: FileName
    whole: bool = False
    count_file: bool = False


@dataclass(frozen=True, slots=True)
class DroppedFile:
    """A file, read.

    Attributes
    ----------
    digest
        SHA-256 of its bytes.
    written_at
        When the sender wrote it last.
    rows
        How many it should have, as the count file beside it says; None without one.
    """

    name: str
    body: bytes
    digest: bytes
    written_at: datetime
    rows: int | None


class DropFolder:
    """The folder of one feed; it is made when it is not there.

    Parameters
    ----------
    pattern
        Of the names that are taken, as in a shell; capitals count.
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
                except FileNotFoundError:  # it went while we looked
                    continue
                if stat.S_ISREG(of.st_mode) and (not self._counted or (self._folder / (name + COUNT)).is_file()):
                    looks[name] = of.st_ino, of.st_size, of.st_mtime_ns
        return looks

    def claim(self, name: str) -> bool:
        """Move a file to where nobody drops another over it; False when it went, or one of its name is being taken."""
        claimed = self._folder / TAKING / name
        if claimed.exists():
            return False
        return _renamed(self._folder / name, claimed)

    def claimed(self) -> list[str]:
        """Return the names of what is being taken: of an earlier life, when this process has just begun."""
        names = (entry.name for entry in os.scandir(self._folder / TAKING) if entry.is_file(follow_symlinks=False))
        return sorted(name for name in names if not name.endswith(COUNT) and not name.startswith("."))

    @contextmanager
    def first_reading(self, name: str) -> Iterator[None]:
        """Leave a mark while a claimed file is read for the first time.

        Raises
        ------
        Refused
            When the mark is there already: an earlier life was killed while it read this file, as the next would be.
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
            When it is too large, is no plain file, or its count file holds no number.
        BlockingIOError
            When somebody is still writing to it.
        """
        path = self._folder / TAKING / name
        if not path.with_name(name + COUNT).exists():
            _renamed(self._folder / (name + COUNT), path.with_name(name + COUNT))
        body, of = _read(path, FILE_BYTES_MAX)
        digest = hashlib.sha256(body).digest()
        return DroppedFile(name, body, digest, datetime.fromtimestamp(of.st_mtime, tz=UTC), _rows(path))

    def put_away(
        self, name: str, where: Literal["done", "failed"], digest: bytes, notes: Mapping[str, bytes] | None = None
    ) -> Path:
        """Move a claimed file to where it stays, with notes beside it by ending; returns where it is now.

        Another file of its name keeps its place: the newcomer gets part of its digest into its name.
        """
        path, target = self._folder / TAKING / name, self._folder / where / name
        if target.exists():
            target = target.with_name(f"{target.stem}~{digest.hex()[:12]}{target.suffix}")
        for ending, text in (notes or {}).items():
            target.with_name(target.name + ending).write_bytes(text)
        _renamed(path.with_name(name + COUNT), target.with_name(target.name + COUNT))
        path.replace(target)
        self._mark(name).unlink(missing_ok=True)
        return target


def _read(path: Path, bytes_max: int) -> tuple[bytes, os.stat_result]:
    """Read a plain file that nobody is writing to."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:  # a link, or not ours to read
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


def _renamed(path: Path, target: Path) -> bool:
    try:
        path.rename(target)
    except FileNotFoundError:
        return False
    return True
