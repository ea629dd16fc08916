"""Keys of the demo's own senders: created when they are missing, readable by their owner alone."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path

from twin.feeds.secret import ENVIRONMENT_PREFIX, FOLDER, read_secret


def ensure_feed_key(name: str, home: Path) -> bytes:
    """Return the secret of a feed; create it in the home's `secrets` if there is none.

    Raises
    ------
    Unavailable
        When the secret is too short.
    Conflict
        When others may read its file.
    """
    file = home / FOLDER / name
    if not os.environ.get(ENVIRONMENT_PREFIX + name.upper()) and not file.exists():
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        half = file.with_name(f".{name}-{secrets.token_hex(4)}")
        descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as opened:
            opened.write(secrets.token_urlsafe(32) + "\n")
        with suppress(FileExistsError):  # another process has written it first
            os.link(half, file)
        half.unlink()
    return read_secret(name, home, os.environ)
