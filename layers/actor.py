"""Actors: the identity that every read carries, and its rights."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, time, timedelta, timezone
from functools import lru_cache
from typing import Literal

from layers.definition import FieldDefinition
from layers.policy.definition import ANONYMOUS_ROLE
from layers.policy.policy import Policy

HIGHEST_GRADE = 4
"""The highest data grade; an actor with this clearance sees every grade."""


@dataclass(frozen=True, slots=True)
class Actor:
    """The caller of a read.

    Without a policy the labels alone decide: clearance and areas. With one, its rules decide, within the labels.

    Attributes
    ----------
    subject
        A name for the audit, never a secret.
    clearance
        The highest data grade that the actor sees, 1 (public) to 4 (highly sensitive); `domain.md` 7.1.
    area_prefixes
        Prefixes of the area codes whose rows the actor sees, for example ``("440106011",)``; without a policy, empty
        means everywhere; with one, rules say whether the actor is kept to its areas.
    sees_masked
        Whether values above the clearance are shown in part (张**) where the field has a mask, instead of not at all.
        Without a policy only: rules name their masks.
    roles, departments
        Of the policy.
    attributes
        What else is known of the caller, for rules over it, as sorted pairs: ``(("worker_id", "W0012"),)``.
    purpose
        The stated purpose of the read; None when none was stated.
    operation
        What it reads for: only what lets it do so counts. Who reads the past must be let read and look back.
    at
        The local time of day at which its rules are looked up; None while none of them depends on it.
    audience
        The key of caches: two actors with the same audience receive the same bytes.
    """

    subject: str
    clearance: int
    area_prefixes: tuple[str, ...] = ()
    sees_masked: bool = False
    roles: tuple[str, ...] = ()
    departments: tuple[str, ...] = ()
    attributes: tuple[tuple[str, str], ...] = ()
    purpose: str | None = None
    policy: Policy | None = None
    operation: Literal["read", "aggregate", "history", "report", "handle"] = "read"
    at: time | None = field(default=None, compare=False)
    audience: str = field(init=False, compare=False)

    def __post_init__(self) -> None:
        parts = [f"{self.clearance}{'m' if self.sees_masked else ''}", _listed(self.area_prefixes)]
        if self.policy is not None:
            parts += [self.policy.digest, _listed(self.roles), _listed(self.departments), self.purpose or ""]
            if self.policy.reads_clock(self.roles):
                object.__setattr__(self, "at", self.at or datetime.now(_LOCAL).time())
                parts += [_listed(self.policy.on_duty(self.roles, self.at))]
            if self.policy.reads_caller(self.roles):
                parts += [self.subject, repr(self.attributes)]
        object.__setattr__(self, "audience", ":".join(parts if self.operation == "read" else [*parts, self.operation]))

    def as_counter(self) -> Actor:
        """Return the actor as it reads to count alone."""
        return replace(self, operation="aggregate")

    def as_historian(self) -> Actor:
        """Return the actor as it reads the past."""
        return replace(self, operation="history")

    def as_reporter(self) -> Actor:
        """Return the actor as it reports: of its reads, only which rows it may report counts."""
        return replace(self, operation="report")

    def as_handler(self) -> Actor:
        """Return the actor as it handles events: of its reads, only which rows it may handle counts."""
        return replace(self, operation="handle")

    def attribute(self, name: str) -> str | None:
        """Return what is known of the caller under a name; None when nothing is."""
        return dict(self.attributes).get(name)

    @property
    def is_anonymous(self) -> bool:
        """Whether nobody has proven anything: what such an actor sees is the same for everybody."""
        return self.subject == ANONYMOUS_ROLE

    @property
    def is_bound(self) -> bool:
        """Whether the actor sees only the rows of some areas."""
        return bool(self.area_prefixes)

    def may_see(self, field: FieldDefinition) -> bool:
        """Whether the labels let the actor receive this field's plain value."""
        return not field.internal and field.grade <= self.clearance


_LOCAL = timezone(timedelta(hours=8), "Asia/Shanghai")  # China has one time, and no summer time


def _listed(texts: Iterable[str]) -> str:
    return ",".join(sorted(texts))


ANONYMOUS = Actor(ANONYMOUS_ROLE, clearance=1)
OPERATOR = Actor("operator", clearance=4)


def anonymous_under(policy: Policy | None) -> Actor:
    """Return the actor of requests without credentials; without a policy it sees what is public."""
    if policy is None:
        return ANONYMOUS
    known = _anonymous(policy)
    return known if known.at is None else replace(known, at=None)  # rules with hours: as they hold now


@lru_cache(8)
def _anonymous(policy: Policy) -> Actor:
    return Actor(ANONYMOUS_ROLE, policy.clearance_of((ANONYMOUS_ROLE,)), policy=policy)
