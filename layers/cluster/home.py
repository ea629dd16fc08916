"""The rights of a home folder: only its owner may look into it, for tiles, rasters, drops and secrets are in it."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from layers.errors import Unavailable

OURS = 0o077
"""The umask of every process of OneMap: files are 0600, folders 0700."""
_FOLDERS = ("basemaps", "rasters", "recordings", "replays", "secrets", "tiles")
_FILES = ("address", "city.until", "cluster.json", "lock", "operator-token", "starting", "storm.lock", "users")
_DROPS = "drops"


def make_home(home: Path) -> None:
    """Make the folder when it is missing, and close files that an older version left open in it.

    Root's home can be passed through but not listed, because the account of the private PostgreSQL passes through it.

    Raises
    ------
    Unavailable
        When it cannot be made.
    """
    passable = 0o711 if os.geteuid() == 0 else 0o700
    try:
        for folder in reversed([one for one in (home, *home.parents) if not one.exists()]):
            folder.mkdir()
            folder.chmod(passable if folder == home else 0o755)  # whatever the umask
    except OSError as error:
        raise Unavailable(f"cannot make the folder {home}: {error.strerror}; give another --home") from error
    close_home(home)


def close_home(home: Path) -> None:
    """Take all rights to OneMap's files in the home from other accounts; other files stay as they are.

    Senders keep their rights to a feed's folder in `drops`: as its owner, or by its group.
    """
    for path, kept in _find_open(home):
        with suppress(OSError):  # another account's, or gone
            path.chmod(stat.S_IMODE(path.lstat().st_mode) & kept)


def _find_open(home: Path) -> Iterator[tuple[Path, int]]:
    """Yield the paths that are not closed, with the rights they may keep; links are not followed."""
    known = [(home / name, 0o700) for name in (*_FOLDERS, *_FILES)]
    drops = home / _DROPS
    if drops.is_dir() and not drops.is_symlink():
        known += [(drops, 0o711), *((one, 0o770) for one in drops.iterdir())]
    for path, kept in known:
        if path.is_symlink() or not path.exists():
            continue
        if stat.S_IMODE(path.lstat().st_mode) & ~kept:
            yield path, kept
            if path.is_dir() and kept == 0o700:  # files in a closed folder are made by processes that close them
                yield from ((inside, kept) for inside in path.rglob("*") if not inside.is_symlink())
