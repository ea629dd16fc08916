"""Subjects: who has proven who they are, and how; and the actor that a subject is for reads."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Self

from layers.actor import ANONYMOUS, OPERATOR, Actor, anonymous_under
from layers.errors import BadInput
from layers.identity.labels import IdentityLabels
from layers.policy.policy import Policy

_ACTORS_MAX = 4096


class AuthMethod(StrEnum):
    """How a subject has proven who it is."""

    NONE = "none"
    TOKEN = "token"  # noqa: S105  # the name of a method
    PASSWORD = "password"  # noqa: S105
    PASSWORD_AND_CODE = "password+totp"  # noqa: S105
    OIDC = "oidc"
    DEMO = "demo"


@dataclass(frozen=True, slots=True)
class Subject:
    """A person or a service that has proven who it is.

    Attributes
    ----------
    id
        Stable and unique, never a secret: ``account:chen.yi``, ``token:qgis``, ``oidc:<issuer>#<sub>``.
    name
        For people to read.
    areas
        Prefixes of area codes; empty when it is bound to none.
    clearance
        The highest data grade, 1 to 4; the policy may give less.
    attributes
        Sorted pairs for the rules of the policy: ``(("worker_id", "W0012"),)``.
    session_id
        Public id of its session; None for tokens.
    purpose
        The purpose stated at login; a request may state another.
    """

    id: str
    name: str
    roles: tuple[str, ...] = ()
    areas: tuple[str, ...] = ()
    departments: tuple[str, ...] = ()
    clearance: int = 1
    attributes: tuple[tuple[str, str], ...] = ()
    method: AuthMethod = AuthMethod.NONE
    session_id: str | None = None
    purpose: str | None = None

    @classmethod
    def labelled(
        cls,
        subject_id: str,
        name: str,
        labels: IdentityLabels,
        method: AuthMethod,
        *,
        session_id: str | None = None,
        purpose: str | None = None,
    ) -> Self:
        """Return a subject with the labels that are stored of it."""
        return cls(
            subject_id,
            name,
            labels.roles,
            labels.areas,
            labels.departments,
            labels.clearance,
            labels.pairs,
            method,
            session_id,
            purpose,
        )


ANONYMOUS_SUBJECT = Subject("anonymous", "anonymous", roles=("anonymous",), clearance=ANONYMOUS.clearance)
OPERATOR_ROLE = "operator"
OPERATOR_SUBJECT = Subject(
    "token:operator", "operator", roles=(OPERATOR_ROLE,), clearance=OPERATOR.clearance, method=AuthMethod.TOKEN
)


@lru_cache(_ACTORS_MAX)
def actor_of(subject: Subject, policy: Policy | None, purpose: str | None = None) -> Actor:
    """Return the actor of a subject under a policy.

    Parameters
    ----------
    policy
        None gives the plain rights of the labels.
    purpose
        A stated purpose; it must be one that the policy knows.

    Notes
    -----
    The operator has the rights of its labels under every policy: whoever runs a server alone, or repairs a policy
    that lets nobody in, must see what there is.
    """
    if subject is ANONYMOUS_SUBJECT:
        return anonymous_under(policy)
    if OPERATOR_ROLE in subject.roles and not subject.areas:
        return OPERATOR if subject == OPERATOR_SUBJECT else _labelled(subject)
    return Actor(
        subject.id,
        subject.clearance if policy is None else min(subject.clearance, policy.clearance_of(subject.roles)),
        area_prefixes=subject.areas,
        roles=subject.roles,
        departments=subject.departments,
        attributes=subject.attributes,
        purpose=purpose,
        policy=policy,
    )


@lru_cache(16)
def purposes_of(policy: Policy | None) -> frozenset[str]:
    """Return the purposes that the rules of a policy name; no other can be stated."""
    return frozenset(purpose for rule in policy.rules for purpose in rule.purposes) if policy else frozenset()


def check_purpose(purpose: str, policy: Policy | None, parameter: str) -> None:
    """Check a stated purpose.

    Raises
    ------
    BadInput
        When no rule of the policy names it.
    """
    known = purposes_of(policy)
    if purpose not in known:
        allowed = ", ".join(sorted(known)) or "none"
        raise BadInput(f"{parameter}: the policy knows these purposes: {allowed}", parameter=parameter)


def _labelled(subject: Subject) -> Actor:
    return Actor(subject.id, subject.clearance, area_prefixes=subject.areas, roles=subject.roles)
