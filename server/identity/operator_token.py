"""The operator's token: created at the first start, stored in the home folder, readable by its owner only."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from server.identity.auth import TOKEN_FILE


def ensure_operator_token(home: Path) -> str | None:
    """Create the token if there is none.

    Returns
    -------
    str or None
        The new token, to be shown once; None if a token existed.
    """
    file = home / TOKEN_FILE
    if file.exists():
        return None
    token = secrets.token_urlsafe(24)
    half = file.with_suffix(".new")
    half.unlink(missing_ok=True)
    descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as opened:
        opened.write(token + "\n")
    half.replace(file)
    return token
