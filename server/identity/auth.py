"""Who is asking: for now the public, or the operator with the token that was printed at first start."""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from pathlib import Path

from starlette.requests import Request

from layers.actor import ANONYMOUS, OPERATOR, Actor
from layers.errors import Unauthenticated

TOKEN_FILE = "operator-token"  # noqa: S105  # the name of a file, not a token


class Authenticator:
    """Knows the operator's token; `None` means that there is no operator."""

    def __init__(self, token: str | None) -> None:
        self._token = token.encode() if token else None

    @classmethod
    def of_home(cls, home: Path) -> Authenticator:
        """Read the token from the home folder; without one everybody is anonymous."""
        path = home / TOKEN_FILE
        return cls(path.read_text(encoding="ascii").strip() if path.exists() else None)

    def actor(self, headers: Iterable[tuple[bytes, bytes]]) -> Actor:
        """Return who sent these raw ASGI headers.

        Raises
        ------
        Unauthenticated
            When a token was sent and it is not one of ours: a typing error must not look like missing rows.
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


def actor_of(request: Request) -> Actor:
    """Return the actor of a request, as a FastAPI dependency.

    Raises
    ------
    Unauthenticated
        When the request has a wrong token.
    """
    authenticator: Authenticator = request.app.state.authenticator
    return authenticator.actor(request.scope["headers"])
