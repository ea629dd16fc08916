"""Files that only their owner reads, keys and tokens: written wholly or not at all."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path


def write_own(file: Path, content: bytes) -> None:
    """Write a file in the place of any other of its name; its folder is made."""
    _half(file, content).replace(file)


def make_own(file: Path, content: bytes) -> None:
    """Write a file where there is none; of several processes that begin at once, one wins. Its folder is made."""
    if file.exists():
        return
    half = _half(file, content)
    try:
        with suppress(FileExistsError):
            os.link(half, file)
    finally:
        half.unlink()


def _half(file: Path, content: bytes) -> Path:
    """Write the content beside the file, under a name that no other process uses."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    half = file.with_name(f".{file.name}-{secrets.token_hex(4)}")
    descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as opened:
        opened.write(content)
    return half
