"""The disk cache of tiles: a folder of bounded size that several processes share and that may be deleted at any time.

A file is written under another name, then renamed, and carries a checksum: a crash leaves either a whole tile or a
file that is not read. `tiles.cache` decides whether a tile is still current.
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

_SWEEP_BYTES = 32 * 1024 * 1024  # written by this process before it checks the folder's size again
_BLOCK_BYTES = 4096  # a file takes whole blocks
_STAT_BLOCK_BYTES = 512  # the unit of `st_blocks`, whatever the disk's own blocks are
_KEEP_SHARE = 0.9  # of the bound, after a sweep
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class DiskEntry:
    """An entry of the disk cache: the compressed tile, its layers' versions when drawn, and its uncompressed size."""

    content: bytes
    versions: tuple[int, ...]
    size: int


class DiskTiles:
    """A folder of tiles.

    Parameters
    ----------
    folder
        Created at the first write.
    bytes_max
        Bound of all files together, counted in blocks of the disk. Writes between two sweeps may exceed it.
    """

    def __init__(self, folder: Path, bytes_max: int) -> None:
        self._folder = folder
        self._bytes_max = bytes_max
        self._unswept = _SWEEP_BYTES  # sweep at the first write: another process may have left the folder full
        self._warnings = Seldom()
        self._locks: int | None = None
        self.failures = 0

    @contextmanager
    def drawing(self, key: str) -> Iterator[None]:
        """Hold the lock of a tile while it is drawn; wait until no other process draws it.

        The lock is the kernel's, on a byte of a file, and is released when its process ends. If the disk has no room
        for the file, every process draws.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            if self._locks is None:
                self._locks = os.open(self._folder / "locks", os.O_RDWR | os.O_CREAT, 0o600)
            place = int.from_bytes(_digest(key)[:4])
            fcntl.lockf(self._locks, fcntl.LOCK_EX, 1, place)
        except OSError as error:
            self._report(error)
            yield
            return
        try:
            yield
        finally:
            fcntl.lockf(self._locks, fcntl.LOCK_UN, 1, place)

    def read(self, key: str) -> DiskEntry | None:
        """Return the entry of a key; None when there is none, or none that is whole."""
        path = self._path(key)
        try:
            raw = path.read_bytes()
            os.utime(path)  # the least recently used goes first
        except FileNotFoundError:
            return None
        except OSError as error:
            self._report(error)
            return None
        return _parse(key, raw)

    def write(self, key: str, entry: DiskEntry) -> None:
        """Write an entry; a full or broken disk is counted and logged once a minute, and raises nothing."""
        path = self._path(key)
        packed = _serialize(key, entry)
        temporary = path.with_name(f"{path.name}.{os.getpid()}.new")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_bytes(packed)
            temporary.replace(path)
        except OSError as error:
            with suppress(OSError):
                temporary.unlink()
            self._report(error)
            return
        self._unswept += -(-len(packed) // _BLOCK_BYTES) * _BLOCK_BYTES
        if self._unswept >= min(_SWEEP_BYTES, self._bytes_max // 8):
            self._unswept = 0
            self.sweep()

    def sweep(self) -> int:
        """Delete the least recently used files until the folder is below its bound; return the remaining bytes."""
        files = []
        for path in self._folder.glob("*/*"):
            try:
                status = path.stat()
            except OSError:
                continue  # another process deleted it
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

    def _report(self, error: OSError) -> None:
        self.failures += 1
        if (others := self._warnings.due()) is not None:
            _log.warning("tiles cannot be kept on disk; they are served all the same", error=str(error), others=others)


def _digest(key: str) -> bytes:
    return blake2b(key.encode(), digest_size=16).digest()


def _serialize(key: str, entry: DiskEntry) -> bytes:
    head = {"key": key, "versions": entry.versions, "size": entry.size, "check": zlib.crc32(entry.content)}
    return orjson.dumps(head) + b"\n" + entry.content


def _parse(key: str, raw: bytes) -> DiskEntry | None:
    line, _, content = raw.partition(b"\n")
    try:
        head = orjson.loads(line)
        whole = head["key"] == key and head["check"] == zlib.crc32(content)
        return DiskEntry(content, tuple(head["versions"]), head["size"]) if whole else None
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return None
