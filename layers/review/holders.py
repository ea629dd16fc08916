"""Holders of the roles of a policy: actors that have what the rules of one role ask for, to review what they see."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from layers.actor import Actor
from layers.policy.definition import ANONYMOUS_ROLE, PolicyRule
from layers.policy.policy import Policy

SOMEWHERE = "440106011"
"""An area for the roles that need one, where none is named."""
_CALLER = re.compile(r"caller\s*\(\s*'([A-Za-z_][A-Za-z0-9_]{0,62})'\s*\)", re.IGNORECASE)
_SAID_OTHERWISE = frozenset({"subject", "departments", "areas"})


def holder_of(
    policy: Policy,
    role: str,
    *,
    areas: Iterable[str] = (),
    departments: Iterable[str] = (),
    purpose: str | None = None,
    attributes: Iterable[tuple[str, str]] = (),
) -> Actor:
    """Return an actor that holds one role and nothing else.

    Parameters
    ----------
    areas
        Prefixes of area codes; a role that is bound to areas sees without them what everybody sees.
    """
    return Actor(
        role,
        policy.clearance_of([role]),
        area_prefixes=tuple(areas),
        roles=() if role == ANONYMOUS_ROLE else (role,),
        departments=tuple(departments),
        attributes=tuple(sorted(attributes)),
        purpose=purpose,
        policy=policy,
    )


def widest_holders(policy: Policy, role: str, area: str = SOMEWHERE) -> Iterator[Actor]:
    """Yield actors that together may do whatever the role can: of all departments, for each purpose and for none."""
    rules = tuple(policy.rules_of(role))
    for purpose in (None, *sorted({purpose for rule in rules for purpose in rule.purposes})):
        yield holder_of(
            policy,
            role,
            areas=(area,) if role in policy.roles and policy.roles[role].bound else (),
            departments=departments_of(rules),
            purpose=purpose,
            attributes=((name, "0") for name in attributes_of(rules)),
        )


def departments_of(rules: Iterable[PolicyRule]) -> tuple[str, ...]:
    """Return the departments that rules name; one that no rule names where there are none."""
    return tuple(sorted({name for rule in rules for name in rule.departments})) or ("none",)


def attributes_of(rules: Iterable[PolicyRule]) -> tuple[str, ...]:
    """Return the names of the caller's attributes that rows of rules are chosen by."""
    names = {name for rule in rules for name in _CALLER.findall(rule.rows or "")}
    return tuple(sorted(names - _SAID_OTHERWISE))
