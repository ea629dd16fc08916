"""Folders for the databases of tests."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

_MEMORY = Path("/dev/shm")  # noqa: S108  # mkdtemp is safe
_FREE_BYTES_MIN = 6_000_000_000


def new_database_folder(prefix: str = "onemap-") -> Path:
    """Make a folder that the account of PostgreSQL may enter; whoever asks for it removes it.

    It is in memory where there is room: a test makes and drops a database of a thousand small files, and looking for
    inodes on ext4 took an eighth of the suite.
    """
    is_roomy = _MEMORY.is_dir() and os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free > _FREE_BYTES_MIN
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=_MEMORY if is_roomy else None))
    folder.chmod(0o711)
    return folder
