"""Keys of the audit in the home folder: made at first use, readable by their owner alone."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Literal

from layers.errors import Unavailable
from server.own_file import make_own

FOLDER = "audit"
_BYTES = 32


def audit_key(home: Path, use: Literal["queries", "anchors"]) -> bytes:
    """Return a key of a home folder; make it if there is none.

    Parameters
    ----------
    use
        ``queries`` hashes filters, whose values could be guessed otherwise; ``anchors`` signs anchors.

    Raises
    ------
    Unavailable
        When the file is there and holds no key.
    """
    file = home / FOLDER / f"{use}.key"
    make_own(file, f"{secrets.token_hex(_BYTES)}\n".encode())
    key = bytes.fromhex(file.read_text(encoding="ascii").strip() or "00")
    if len(key) != _BYTES:
        raise Unavailable(f"{file} holds no key of {_BYTES} bytes; restore it from a backup")
    return key
