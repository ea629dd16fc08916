"""The operator's token: created at the first start, stored in the home folder, readable by its owner only."""

from __future__ import annotations

import hmac
import secrets
from pathlib import Path
from time import monotonic

from server.identity.subject import OPERATOR_SUBJECT, Subject
from server.own_file import write_own

TOKEN_FILE = "operator-token"  # noqa: S105  # a file name, not a token
_LOOK_AGAIN_SECONDS = 0.5


class OperatorToken:
    """The way of the operator's token: whoever may read the home folder may operate the server.

    It needs no database, so that an operator gets in while the database is away. The file is looked at again every
    half second: a new token counts without a restart, and a deleted file ends it.
    """

    def __init__(self, home: Path) -> None:
        self._file = home / TOKEN_FILE
        self._token: bytes | None = None
        self._stamp: tuple[int, int, int] | None = None
        self._looked_at = -_LOOK_AGAIN_SECONDS

    def accepts(self, token: str) -> bool:
        """Whether a token is the operator's."""
        current = self._current()
        return current is not None and hmac.compare_digest(token.encode("latin-1", "replace"), current)

    async def find(self, token: str) -> Subject | None:
        """Return the operator for its token."""
        return OPERATOR_SUBJECT if self.accepts(token) else None

    def _current(self) -> bytes | None:
        now = monotonic()
        if now - self._looked_at >= _LOOK_AGAIN_SECONDS:
            self._looked_at = now
            self._read()
        return self._token

    def _read(self) -> None:
        try:
            found = self._file.stat()
            stamp = (found.st_ino, found.st_mtime_ns, found.st_size)
            if stamp != self._stamp:
                self._token, self._stamp = self._file.read_bytes().strip() or None, stamp
        except OSError:
            self._token = self._stamp = None


def ensure_operator_token(home: Path) -> str | None:
    """Create the token if there is none.

    Returns
    -------
    str or None
        The new token, to be shown once; None if a token existed.
    """
    return None if (home / TOKEN_FILE).exists() else write_operator_token(home)


def read_operator_token(home: Path) -> str | None:
    """Return the token of a home; None without one, or where only another account may read it."""
    try:
        return (home / TOKEN_FILE).read_text(encoding="ascii").strip() or None
    except OSError:
        return None


def write_operator_token(home: Path) -> str:
    """Make a new token, which takes the place of any other, and return it to be shown once."""
    token = secrets.token_urlsafe(24)
    write_own(home / TOKEN_FILE, f"{token}\n".encode())
    return token
