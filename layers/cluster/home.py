"""Who may look into a home: its owner. What lies there (tiles, rasters, drops, secrets) was made for the operator."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from layers.errors import Unavailable

OURS = 0o077
"""The umask of every process of ours: files are 0600, folders 0700."""
_FOLDERS = ("basemaps", "rasters", "recordings", "replays", "secrets", "tiles")
_FILES = ("address", "city.until", "cluster.json", "lock", "operator-token", "starting", "storm.lock", "users")
_DROPS = "drops"


def make_home(home: Path) -> None:
    """Make the folder when it is missing, and close what an older version left open in it.

    Root's home can be passed through and not be listed, because the account of the private PostgreSQL has to.

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
    """Take every right from other accounts, of what is ours in the home; whatever else lies there stays as it is.

    Whoever may put files into a feed's folder of `drops` keeps that right: an account of its own or its group.
    """
    for path, kept in _open(home):
        with suppress(OSError):  # another account's, or gone
            path.chmod(stat.S_IMODE(path.lstat().st_mode) & kept)


def _open(home: Path) -> Iterator[tuple[Path, int]]:
    """Find what is not closed, with the rights it may keep; links are not followed."""
    known = [(home / name, 0o700) for name in (*_FOLDERS, *_FILES)]
    drops = home / _DROPS
    if drops.is_dir() and not drops.is_symlink():
        known += [(drops, 0o711), *((one, 0o770) for one in drops.iterdir())]
    for path, kept in known:
        if path.is_symlink() or not path.exists():
            continue
        if stat.S_IMODE(path.lstat().st_mode) & ~kept:
            yield path, kept
            if path.is_dir() and kept == 0o700:  # what is in a closed folder was made by processes that close it
                yield from ((inside, kept) for inside in path.rglob("*") if not inside.is_symlink())
