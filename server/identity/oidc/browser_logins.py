"""Logins of browsers at a provider: authorization code with PKCE (OpenID Connect Core 3.1, RFC 7636, RFC 9207)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from urllib.parse import urlencode, urlsplit

from layers.errors import BadInput, Unauthenticated, Unavailable
from server.identity.oidc.attempt import AttemptSeal, ProviderLogin, new_attempt
from server.identity.oidc.provider import AWAY, Provider
from server.identity.oidc.providers import Providers
from server.identity.oidc.tokens import Granted, exchange_code

_TEXT_MAX = 4096
OTHER_LOGIN = "this answer belongs to no login of this browser, or the login took longer than ten minutes; log in again"


class BrowserLogins:
    """Begins and finishes logins.

    Parameters
    ----------
    secret
        Returns the client secret of a provider; None for a public client.
    """

    def __init__(self, providers: Providers, seal: AttemptSeal, secret: Callable[[Provider], str | None]) -> None:
        self.providers = providers
        self._seal = seal
        self._secret = secret

    async def begin(self, name: str, redirect_uri: str, next_path: str, purpose: str | None = None) -> tuple[str, str]:
        """Begin a login.

        Returns
        -------
        tuple
            The address at the provider that the browser goes to, and the value of the cookie that it keeps meanwhile.

        Raises
        ------
        NotFound
            When there is no such provider, or nobody logs in there.
        Unavailable
            When the provider does not answer.
        """
        provider = self.providers.for_browsers(name)
        authorization = (await provider.metadata()).authorization
        if authorization is None:
            raise Unavailable(AWAY)
        attempt = new_attempt(name, redirect_uri, next_path, purpose)
        asked = {
            "response_type": "code",
            "client_id": provider.file.client_id,
            "redirect_uri": redirect_uri,
            "scope": " ".join(provider.file.scopes),
            "state": attempt.state,
            "nonce": attempt.nonce,
            "code_challenge": attempt.challenge,
            "code_challenge_method": "S256",
        }
        joint = "&" if urlsplit(authorization).query else "?"
        return f"{authorization}{joint}{urlencode(asked)}", self._seal.seal(attempt)

    async def finish(self, name: str, cookie: str | None, answer: Mapping[str, str]) -> tuple[Granted, ProviderLogin]:
        """Finish a login with the parameters of the provider's answer.

        Raises
        ------
        BadInput
            When the answer belongs to no login of this browser: a foreign, old or repeated `state`.
        Unauthenticated
            When the provider or we refuse: the person declined, the code was used, the ID token is not the answer.
        Unavailable
            When the provider does not answer.
        """
        attempt = self._seal.open(cookie) if cookie else None
        state = answer.get("state", "")
        if attempt is None or attempt.provider != name or len(state) > _TEXT_MAX or not attempt.answers(state):
            raise BadInput(OTHER_LOGIN, parameter="state")
        provider = self.providers.for_browsers(name)
        await self._check_sender(provider, answer)
        code = answer.get("code", "")
        if "error" in answer or not 0 < len(code) <= _TEXT_MAX:
            raise Unauthenticated("the identity provider did not log you in; try again, or ask its administrator")
        granted = await exchange_code(
            provider,
            self._secret(provider),
            code,
            attempt.verifier,
            attempt.redirect_uri,
            nonce=attempt.nonce,
            skew_s=self.providers.skew_s,
        )
        return granted, attempt

    @staticmethod
    async def _check_sender(provider: Provider, answer: Mapping[str, str]) -> None:
        """Check that the answer is of the provider that was asked, against a mix-up of two (RFC 9207)."""
        issuer = answer.get("iss")
        expected = (await provider.metadata()).names_issuer
        if (issuer is not None or expected) and issuer != provider.file.issuer:
            raise BadInput("this answer is not of the identity provider that was asked", parameter="iss")
