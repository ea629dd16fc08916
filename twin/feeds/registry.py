"""All feeds of a folder, read again when a file changes: no restart, and a broken file leaves the old feed running."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from layers.errors import BadInput
from twin.feeds.definition import FeedDefinition, read_feed

type Stamp = tuple[int, int]  # time of change in ns, size in bytes


@dataclass(frozen=True, slots=True)
class FileState:
    """A file as it was last read."""

    stamp: Stamp
    feed: FeedDefinition | None  # the last good one
    fault: str | None


@dataclass(frozen=True, slots=True)
class Registry:
    """The feeds of a folder at a moment.

    Attributes
    ----------
    feeds
        By name; where a file has a fault, the feed as it was before.
    faults
        By file name: what is wrong with it.
    files
        What the next reading compares with.
    """

    feeds: dict[str, FeedDefinition] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)
    files: dict[str, FileState] = field(default_factory=dict, repr=False)


def read_registry(folder: Path, before: Registry | None = None) -> Registry:
    """Read the `*.yaml` files of a folder; those whose time and size are as before are not read again.

    Parameters
    ----------
    folder
        May be missing: no feeds. Files whose names start with ``_`` or ``.`` are left out.
    before
        What was read last.

    Returns
    -------
    Registry
        `before` itself when nothing changed, so that `is` tells.
    """
    known = before.files if before is not None else {}
    stamps = _stamps(folder)
    if before is not None and stamps == {name: file.stamp for name, file in known.items()}:
        return before
    files = {}
    for name, stamp in stamps.items():
        old = known.get(name)
        files[name] = old if old is not None and old.stamp == stamp else _read(folder / name, stamp, old)
    return Registry(
        feeds={file.feed.name: file.feed for file in files.values() if file.feed is not None},
        faults={name: file.fault for name, file in files.items() if file.fault is not None},
        files=files,
    )


def _stamps(folder: Path) -> dict[str, Stamp]:
    stamps = {}
    for path in sorted(folder.glob("[!_.]*.yaml")):
        try:
            stat = path.stat()
        except FileNotFoundError:  # it went while we looked
            continue
        stamps[path.name] = (stat.st_mtime_ns, stat.st_size)
    return stamps


def _read(path: Path, stamp: Stamp, old: FileState | None) -> FileState:
    try:
        return FileState(stamp, read_feed(path), None)
    except BadInput as error:
        return FileState(stamp, old.feed if old is not None else None, error.message)
