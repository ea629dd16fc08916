"""The identity of a request: its subject and its actor, kept in the scope by `server.front`."""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Any

from layers.actor import OPERATOR, Actor
from layers.errors import Unauthenticated
from layers.policy.definition import Duty
from layers.policy.policy import Policy
from server.identity.subject import ANONYMOUS_SUBJECT, Subject

PLAIN_DUTIES: frozenset[Duty] = frozenset(
    ("feeds", "quarantine", "metrics", "rules", "outlets", "layers", "elevate", "write_notes", "read_notes")
)
_KEY = "onemap.identity"


class EndedSession(Unauthenticated):
    """The session of a cookie is unknown, has ended or was revoked; what needs no rights is shown all the same."""


@dataclass(frozen=True, slots=True)
class Identity:
    """The caller of a request.

    Attributes
    ----------
    subject
        Who it is, with roles and method; for the audit and for duties.
    actor
        What it may read.
    policy
        Says which duties its roles have; None is that of the actor.
    """

    subject: Subject
    actor: Actor
    policy: Policy | None = None

    @property
    def duties(self) -> frozenset[Duty]:
        """Operations that are not about a layer: those of its roles, by the policy.

        Without a policy, the operator and other actors who see everything have all but users, policy and audit.
        """
        policy = self.actor.policy or self.policy
        if policy is not None:
            return policy.duties_of(self.subject.roles)
        sees_all = self.actor.clearance >= OPERATOR.clearance and not self.actor.is_bound
        return PLAIN_DUTIES if sees_all else frozenset()

    @property
    def is_anonymous(self) -> bool:
        """Whether nobody has proven anything."""
        return self.subject is ANONYMOUS_SUBJECT


def keep_identity(scope: MutableMapping[str, Any], identity: Identity | Unauthenticated) -> None:
    """Keep the identity of a request, or the fault of its credentials, in its scope."""
    scope[_KEY] = identity


def identity_of(scope: MutableMapping[str, Any]) -> Identity:
    """Return the identity of a request.

    Raises
    ------
    Unauthenticated
        When its credentials are wrong: a typing error must not look like missing rows.
    """
    found: Identity | Unauthenticated = scope[_KEY]
    if isinstance(found, Unauthenticated):
        raise found
    return found


def actor_of_request(scope: MutableMapping[str, Any]) -> Actor:
    """Return the actor of a request.

    Raises
    ------
    Unauthenticated
        As `identity_of`.
    """
    return identity_of(scope).actor


def has_ended_session(scope: MutableMapping[str, Any]) -> bool:
    """Whether a request came with the cookie of a session that is no more."""
    return isinstance(scope.get(_KEY), EndedSession)
