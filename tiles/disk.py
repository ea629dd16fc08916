"""Tiles on disk: a folder of bounded size that several processes share and that may be deleted at any time.

A file is written under another name and renamed, and carries a checksum: whatever a crash leaves behind is either a
whole tile or is not taken for one. Whether a tile is still right is not the shelf's business (`tiles.cache`).
"""

from __future__ import annotations

import fcntl
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import orjson
import structlog

from layers.seldom import Seldom

_SWEEP_BYTES = 32 * 1024 * 1024  # written by this process before it looks at the folder's size again
_BLOCK_BYTES = 4096  # a file takes whole blocks
_STAT_BLOCK_BYTES = 512  # what `st_blocks` counts in, whatever the disk's own are
_KEEP_SHARE = 0.9  # of the bound, after a sweep
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class DiskEntry:
    """What lay on the shelf: the compressed tile, the versions of its layers when it was drawn, and its size before."""

    content: bytes
    versions: tuple[int, ...]
    size: int


class DiskTiles:
    """A folder of tiles.

    Parameters
    ----------
    folder
        Made when it is first written to.
    bytes_max
        Bound of all files together, in blocks of the disk, which is what they take from it; it may be passed by what
        is written between two sweeps.
    """

    def __init__(self, folder: Path, bytes_max: int) -> None:
        self._folder = folder
        self._bytes_max = bytes_max
        self._unswept = _SWEEP_BYTES  # look at once: another process may have left it full
        self._said = Seldom()
        self._locks: int | None = None
        self.failures = 0

    @contextmanager
    def drawing(self, key: str) -> Iterator[None]:
        """Wait until no other process draws this tile, and keep them waiting meanwhile.

        The lock is the kernel's, on a byte of a file: it goes with the process that holds it. Where the disk has no
        room for the file, everybody draws.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            if self._locks is None:
                self._locks = os.open(self._folder / "locks", os.O_RDWR | os.O_CREAT, 0o600)
            place = int.from_bytes(_digest(key)[:4])
            fcntl.lockf(self._locks, fcntl.LOCK_EX, 1, place)
        except OSError as error:
            self._failed(error)
            yield
            return
        try:
            yield
        finally:
            fcntl.lockf(self._locks, fcntl.LOCK_UN, 1, place)

    def read(self, key: str) -> DiskEntry | None:
        """Return what is kept under a key; None when there is nothing, or nothing whole."""
        path = self._path(key)
        try:
            raw = path.read_bytes()
            os.utime(path)  # the least recently used goes first
        except FileNotFoundError:
            return None
        except OSError as error:
            self._failed(error)
            return None
        return _unpacked(key, raw)

    def write(self, key: str, kept: DiskEntry) -> None:
        """Keep a tile; a full or broken disk is counted and said once a minute, and no fault of who wanted the tile."""
        path = self._path(key)
        packed = _packed(key, kept)
        temporary = path.with_name(f"{path.name}.{os.getpid()}.new")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_bytes(packed)
            temporary.replace(path)
        except OSError as error:
            with suppress(OSError):
                temporary.unlink()
            self._failed(error)
            return
        self._unswept += -(-len(packed) // _BLOCK_BYTES) * _BLOCK_BYTES
        if self._unswept >= min(_SWEEP_BYTES, self._bytes_max // 8):
            self._unswept = 0
            self.sweep()

    def sweep(self) -> int:
        """Bring the folder below its bound, the least recently used first; return the bytes that are left."""
        files = []
        for path in self._folder.glob("*/*"):
            try:
                status = path.stat()
            except OSError:
                continue  # another process was faster
            files.append((status.st_mtime, status.st_blocks * _STAT_BLOCK_BYTES, path))
        total = sum(size for _, size, _ in files)
        if total <= self._bytes_max:
            return total
        for _, size, path in sorted(files):
            path.unlink(missing_ok=True)
            total -= size
            if total <= self._bytes_max * _KEEP_SHARE:
                break
        return total

    def _path(self, key: str) -> Path:
        name = _digest(key).hex()
        return self._folder / name[:2] / name[2:]

    def _failed(self, error: OSError) -> None:
        self.failures += 1
        if (others := self._said.due()) is not None:
            _log.warning("tiles cannot be kept on disk; they are served all the same", error=str(error), others=others)


def _digest(key: str) -> bytes:
    return blake2b(key.encode(), digest_size=16).digest()


def _packed(key: str, kept: DiskEntry) -> bytes:
    head = {"key": key, "versions": kept.versions, "size": kept.size, "check": zlib.crc32(kept.content)}
    return orjson.dumps(head) + b"\n" + kept.content


def _unpacked(key: str, raw: bytes) -> DiskEntry | None:
    head, _, content = raw.partition(b"\n")
    try:
        told = orjson.loads(head)
        whole = told["key"] == key and told["check"] == zlib.crc32(content)
        return DiskEntry(content, tuple(told["versions"]), told["size"]) if whole else None
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return None
