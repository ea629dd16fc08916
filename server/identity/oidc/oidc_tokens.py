"""The tokens of providers as one way of the `Authenticator`."""

from __future__ import annotations

from collections.abc import Callable

from layers.policy.policy import Policy
from server.identity.oidc.claims import Claimed, known_roles
from server.identity.oidc.providers import Providers
from server.identity.subject import AuthMethod, Subject


class OidcTokens:
    """Access tokens of providers, which are signed JWTs.

    Parameters
    ----------
    policy
        Returns the policy in force: it says how far a role sees when the provider does not.
    """

    def __init__(self, providers: Providers, policy: Callable[[], Policy]) -> None:
        self._providers, self._policy = providers, policy

    def accepts(self, token: str) -> bool:
        """Whether a token has the form of a signed JWT; our own have no dots."""
        return token.count(".") == 2 and token.startswith("ey")  # header, claims, signature

    async def find(self, token: str) -> Subject | None:
        """Return the subject of a token.

        Raises
        ------
        Unauthenticated
            When it is not accepted; the message says why.
        Unavailable
            When its key is unknown and the provider does not answer.
        """
        raw = token.encode("latin-1", "replace")
        claimed = self._providers.known(raw) or await self._providers.verify(raw)
        return subject_of(claimed, self._policy())


def subject_of(claimed: Claimed, policy: Policy) -> Subject:
    """Return the subject that a provider vouches for; without a word on the grade, its roles say how far it sees."""
    roles = known_roles(claimed, policy.roles)
    clearance = policy.clearance_of(roles) if claimed.clearance is None else claimed.clearance
    return Subject(
        id=f"oidc:{claimed.id}",
        name=claimed.name,
        roles=roles,
        areas=claimed.areas,
        departments=claimed.departments,
        clearance=clearance,
        attributes=tuple(sorted(claimed.attributes.items())),
        method=AuthMethod.OIDC,
    )
