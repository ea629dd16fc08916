"""The one place where a request proves who it is: bearer token, basic auth with a token, or the cookie of a session."""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as BadBase64
from collections.abc import Callable, Iterable, MutableMapping
from typing import Any, Protocol

from layers.errors import TooOften, Unauthenticated
from layers.policy.policy import Policy
from server.identity.guesses import Guesses
from server.identity.identity import EndedSession, Identity
from server.identity.subject import ANONYMOUS_SUBJECT, Subject, actor_of, check_purpose, purposes_of

TOKEN_BYTES_MAX = 65_536
"""The longest token; a longer one is refused before anything is computed of it."""
_AUTHORIZATION, _PURPOSE = b"authorization", b"x-purpose"
_TOO_LONG = f"a token has at most {TOKEN_BYTES_MAX} bytes"
_UNKNOWN = "unknown or expired token; send 'Authorization: Bearer <token>', or Basic with the token as the password"


class TokenWay(Protocol):
    """One kind of tokens: the operator's, access tokens, tokens of an OIDC provider."""

    def accepts(self, token: str) -> bool:
        """Whether a token has the form of this kind; the first way that accepts it decides."""

    async def find(self, token: str) -> Subject | None:
        """Return the subject of a token, None when it is unknown, expired or revoked; quick for a token found before.

        Raises
        ------
        Unauthenticated
            When more can be said of what is wrong, for example a foreign audience.
        Unavailable
            When it cannot be checked now.
        """


class SessionWay(Protocol):
    """The sessions of browsers."""

    async def find(self, cookie: str) -> Subject | None:
        """Return the subject of a session by the value of its cookie, None when it has ended.

        Raises
        ------
        Unavailable
            When it cannot be checked now.
        """


class Authenticator:
    """Turns the credentials of a request into an identity.

    Parameters
    ----------
    ways
        The kinds of tokens, asked in this order.
    sessions
        None knows no cookies.
    policy
        Returns the policy in force; None means the plain rights of labels.
    duties
        Returns the policy that says which duties roles have, where actors have none.
    """

    def __init__(
        self,
        ways: Iterable[TokenWay] = (),
        sessions: SessionWay | None = None,
        policy: Callable[[], Policy | None] = lambda: None,
        duties: Callable[[], Policy | None] = lambda: None,
    ) -> None:
        self._ways = tuple(ways)
        self._sessions = sessions
        self._policy = policy
        self._duties = duties
        self._guesses = Guesses()

    async def authenticate(
        self, scope: MutableMapping[str, Any], address: str, cookie: Callable[[], str | None] = lambda: None
    ) -> Identity:
        """Return the identity of a request; anonymous without credentials.

        Parameters
        ----------
        scope
            Of ASGI, http or websocket.
        address
            Of the client; wrong credentials are counted by it.
        cookie
            Returns the value of the cookie of a session; an Authorization header comes first.

        Raises
        ------
        Unauthenticated
            When credentials were sent and are wrong; `EndedSession` for those of a cookie.
        TooOften
            When the address has sent too many wrong ones.
        Unavailable
            When they cannot be checked now.
        """
        given = purpose = None
        for name, value in scope["headers"]:
            if name == _AUTHORIZATION:
                given = value
            elif name == _PURPOSE:
                purpose = value.decode("latin-1")
        if given is not None:
            return self.identity(await self._of_header(given, address), purpose)
        session = cookie() if self._sessions is not None else None
        if session is not None:
            return self.identity(await self._of_session(session), purpose)
        return self.identity(ANONYMOUS_SUBJECT)

    async def of_token(self, token: str, address: str) -> Identity:
        """Return the identity of a token that did not come in a header.

        Raises
        ------
        Unauthenticated, TooOften, Unavailable
            As `authenticate`.
        """
        return await self.authenticate({"headers": [(_AUTHORIZATION, b"Bearer " + token.encode())]}, address)

    def identity(self, subject: Subject, purpose: str | None = None) -> Identity:
        """Return the identity of a subject under the policy in force.

        Parameters
        ----------
        purpose
            The purpose of this request; None takes that of the session.

        Raises
        ------
        BadInput
            For a purpose that no rule of the policy names: a made-up one would only fill caches.
        """
        policy = self._policy()
        if purpose is not None:
            check_purpose(purpose, policy, "X-Purpose")
        stated = purpose or (subject.purpose if subject.purpose in purposes_of(policy) else None)
        return Identity(subject, actor_of(subject, policy, stated), self._duties())

    async def _of_header(self, value: bytes, address: str) -> Subject:
        if not self._guesses.may(address):
            raise TooOften("too many wrong tokens came from your address; wait a minute", retry_after_s=60)
        try:
            subject = await self._of_token(_read_token(value))
        except Unauthenticated:
            self._guesses.wrong(address)
            raise
        self._guesses.right(address)
        return subject

    async def _of_token(self, token: str) -> Subject:
        for way in self._ways:
            if way.accepts(token):
                subject = await way.find(token)
                if subject is not None:
                    return subject
                break
        raise Unauthenticated(_UNKNOWN)

    async def _of_session(self, value: str) -> Subject:
        subject = await self._sessions.find(value) if self._sessions and len(value) <= TOKEN_BYTES_MAX else None
        if subject is None:
            raise EndedSession("the session has ended; log in again")
        return subject


def _read_token(value: bytes) -> str:
    """Return the token of an Authorization header.

    Raises
    ------
    Unauthenticated
        When it is neither Bearer nor Basic, or too long to be looked at.
    """
    if len(value) > TOKEN_BYTES_MAX:
        raise Unauthenticated(_TOO_LONG)
    scheme, _, given = value.partition(b" ")
    match scheme.lower():
        case b"bearer":
            return given.strip().decode("latin-1")
        case b"basic":
            try:
                return b64decode(given.strip(), validate=True).partition(b":")[2].decode("latin-1")
            except BadBase64:
                raise Unauthenticated("Basic wants base64 of '<anything>:<token>'") from None
        case _:
            raise Unauthenticated(_UNKNOWN)
