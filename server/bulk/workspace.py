"""The folder of files that are made before they are sent. What a killed process left there is removed by the next."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory


def remove_left_behind(folder: Path) -> None:
    """Make the folder of all workspaces, and remove those of processes that are no more."""
    folder.mkdir(parents=True, exist_ok=True)
    for one in folder.iterdir():
        owner = one.name.partition("-")[0]
        if not owner.isdigit() or not _is_running(int(owner)):
            shutil.rmtree(one, ignore_errors=True)


@contextmanager
def workspace(folder: Path) -> Iterator[Path]:
    """Yield a folder of this process, which is removed at the end."""
    with TemporaryDirectory(dir=folder, prefix=f"{os.getpid()}-") as own:
        yield Path(own)


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
