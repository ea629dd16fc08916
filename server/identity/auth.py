"""The actor of a request: anonymous, or the operator with the token that was printed at the first start."""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from pathlib import Path

from layers.actor import ANONYMOUS, OPERATOR, Actor
from layers.errors import Unauthenticated

TOKEN_FILE = "operator-token"  # noqa: S105  # a file name, not a token


class Authenticator:
    """The check of the operator's token; without a token there is no operator."""

    def __init__(self, token: str | None) -> None:
        self._token = token.encode() if token else None

    @classmethod
    def of_home(cls, home: Path) -> Authenticator:
        """Read the token from the home folder; without a token file every request is anonymous."""
        path = home / TOKEN_FILE
        return cls(path.read_text(encoding="ascii").strip() if path.exists() else None)

    def actor(self, headers: Iterable[tuple[bytes, bytes]]) -> Actor:
        """Return the actor of a request with these raw ASGI headers; anonymous without an Authorization header.

        Raises
        ------
        Unauthenticated
            When a token was sent and is wrong: a typing error must not look like missing rows.
        """
        for name, value in headers:
            if name == b"authorization":
                return self._of_token(value)
        return ANONYMOUS

    def _of_token(self, value: bytes) -> Actor:
        scheme, _, token = value.partition(b" ")
        if self._token and scheme.lower() == b"bearer" and hmac.compare_digest(token.strip(), self._token):
            return OPERATOR
        raise Unauthenticated("the Authorization header is not 'Bearer' with this server's operator token")
