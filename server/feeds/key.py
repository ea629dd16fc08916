"""Keys of the demo's own senders: created when they are missing, readable by their owner alone."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from server.own_file import make_own
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
    if not os.environ.get(ENVIRONMENT_PREFIX + name.upper()):
        make_own(home / FOLDER / name, f"{secrets.token_urlsafe(32)}\n".encode())
    return read_secret(name, home, os.environ)
