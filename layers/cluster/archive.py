"""The archive of the write-ahead log: the commands with which PostgreSQL writes and reads it, and its segments.

A segment is written under another name, synchronised and renamed, so that a file with a segment's name is whole. A
segment that exists already is compared and never overwritten: an archive belongs to one cluster.
"""

from __future__ import annotations

import gzip
import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

SEGMENT_BYTES = 16 * 1024 * 1024
_SEGMENTS_OF_A_FILE = 0x100000000 // SEGMENT_BYTES
_SEGMENT = re.compile(r"[0-9A-F]{24}")


@dataclass(frozen=True, slots=True)
class LogArchive:
    """Where the log is archived, and the longest time in seconds that a written record stays outside."""

    folder: Path
    timeout_s: int = 300

    @classmethod
    def of_record(cls, record: Mapping[str, Any] | None) -> Self | None:
        """Return the archive that `record` describes."""
        return None if record is None else cls(Path(record["folder"]), int(record["timeout_s"]))

    def record(self) -> dict[str, object]:
        """Return it as a value of JSON."""
        return {"folder": str(self.folder), "timeout_s": self.timeout_s}


def archive_command(folder: Path) -> str:
    """Return PostgreSQL's `archive_command` for an archive in `folder`."""
    target = _quoted(folder)
    return (
        f'f={target}/%f.gz; if [ -e "$f" ]; then gzip -dc "$f" | cmp -s - "%p"; else '
        f'gzip -1 -c "%p" > "$f.part" && sync "$f.part" && mv -n "$f.part" "$f" && sync {target}; fi'
    )


def restore_command(folder: Path) -> str:
    """Return PostgreSQL's `restore_command` for an archive in `folder`."""
    source = _quoted(folder)
    return f'test -f {source}/%f.gz && gzip -dc {source}/%f.gz > "%p"'


def _quoted(folder: Path) -> str:
    return shlex.quote(str(folder)).replace("%", "%%")


def segment_of(timeline: int, lsn: str) -> str:
    """Return the name of the segment that holds a place of the log, ``1/2000028`` for example."""
    high, _, low = lsn.partition("/")
    return f"{timeline:08X}{int(high, 16):08X}{int(low, 16) // SEGMENT_BYTES:08X}"


def is_segment(name: str) -> bool:
    """Whether a file of the log is a whole segment: neither a history nor the broken end of a timeline."""
    return _SEGMENT.fullmatch(name) is not None


def archived_segments(folder: Path) -> list[str]:
    """Return the names of the whole segments in an archive, in the order of the log; of all timelines."""
    names = (path.name.removesuffix(".gz") for path in folder.glob("*.gz")) if folder.is_dir() else ()
    return sorted(filter(is_segment, names), key=lambda name: (_number(name), name))


def lineage(folder: Path) -> dict[int, str | None]:
    """Return the timelines that lead to the newest one, each with the segment in which it was left (None: not yet).

    Every restore begins a timeline. What an earlier one wrote after it was left is no part of the newest state.
    """
    histories = {int(path.name[:8], 16): path for path in folder.glob("????????.history.gz")} if folder.is_dir() else {}
    if not histories:
        return {1: None}
    newest = max(histories)
    found: dict[int, str | None] = {newest: None}
    for line in gzip.decompress(histories[newest].read_bytes()).decode("utf-8", "replace").splitlines():
        fields = line.split("\t")
        if len(fields) >= 2 and fields[0].strip().isdecimal():
            timeline = int(fields[0])
            found[timeline] = segment_of(timeline, fields[1].strip())
    return found


def is_in_lineage(of: Mapping[int, str | None], segment: str) -> bool:
    """Whether a segment is part of a lineage, whole or in part."""
    timeline = int(segment[:8], 16)
    if timeline not in of:
        return False
    left = of[timeline]
    return left is None or _number(segment) <= _number(left)


def missing_segments(present: Iterable[str], first: str, of: Mapping[int, str | None]) -> list[str]:
    """Return what the way from the segment `first` to the newest state lacks, each as ``00000002000000030000000A``.

    A segment in which a timeline begins must be that timeline's own: PostgreSQL would read its namesake of the left
    timeline instead, and restore what was undone.

    Parameters
    ----------
    of
        The `lineage` of the archive.
    """
    there = {name for name in present if is_in_lineage(of, name)}
    last = max(map(_number, there), default=_number(first))
    wanted = (_named(number, of) for number in range(_number(first), last + 1))
    return [name for name in wanted if name not in there]


def _named(number: int, of: Mapping[int, str | None]) -> str:
    """Return the segment of a number in the newest timeline that has begun by it."""
    timelines = sorted(of)
    begun = [after for before, after in pairwise(timelines) if _number(of[before] or "") <= number]
    return f"{begun[-1] if begun else timelines[0]:08X}{_written(number)}"


def obsolete_segments(present: Iterable[str], first: str) -> list[str]:
    """Return the segments before `first`, which no restore of a backup that begins there needs."""
    return [name for name in present if _number(name) < _number(first)]


def _number(name: str) -> int:
    return int(name[8:16], 16) * _SEGMENTS_OF_A_FILE + int(name[16:], 16)


def _written(number: int) -> str:
    return f"{number // _SEGMENTS_OF_A_FILE:08X}{number % _SEGMENTS_OF_A_FILE:08X}"
