"""The labels of accounts and tokens: roles, areas, departments, clearance, and attributes for rules of the policy."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from layers.errors import BadInput
from layers.policy.definition import PolicyRole

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
_AREA = re.compile(r"[0-9]{2,18}")
_WORD = re.compile(r"[a-z][a-z0-9_]{0,62}")
_POWERS = ({"sysadmin", "operator"}, {"security_admin"}, {"auditor"})
_LISTED_MAX = 200


@dataclass(frozen=True, slots=True)
class IdentityLabels:
    """What decides about the rights of an account or a token.

    Attributes
    ----------
    areas
        Prefixes of area codes; empty is bound to none.
    clearance
        The highest data grade, 1 to 4.
    """

    roles: tuple[str, ...] = ()
    areas: tuple[str, ...] = ()
    departments: tuple[str, ...] = ()
    clearance: int = 1
    attributes: Mapping[str, str] = field(default_factory=dict)

    @property
    def columns(self) -> tuple[list[str], list[str], list[str], int, str]:
        """The values of the columns roles, areas, departments, clearance, attributes."""
        return list(self.roles), list(self.areas), list(self.departments), self.clearance, json.dumps(self.attributes)

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """The attributes as sorted pairs."""
        return tuple(sorted(self.attributes.items()))


def power_of(roles: Sequence[str]) -> str | None:
    """Return which of the three powers an account has: ``system``, ``security``, ``audit``; None for everybody else."""
    names = ("system", "security", "audit")
    return next((name for name, power in zip(names, _POWERS, strict=True) if power & set(roles)), None)


def labels_of(row: Mapping[str, Any]) -> IdentityLabels:
    """Return the labels of a row with the columns of `IdentityLabels.columns`."""
    return IdentityLabels(
        tuple(row["roles"] or ()),
        tuple(row["areas"] or ()),
        tuple(row["departments"] or ()),
        row["clearance"] or 1,
        json.loads(row["attributes"] or "{}"),
    )


def labels_given(
    known: Mapping[str, PolicyRole],
    roles: Sequence[str],
    areas: Sequence[str] = (),
    departments: Sequence[str] = (),
    clearance: int | None = None,
    attributes: Mapping[str, str] | None = None,
) -> IdentityLabels:
    """Return labels that somebody gives, checked; without a clearance, the highest of the roles.

    Parameters
    ----------
    known
        The roles of the policy that somebody may be given.

    Raises
    ------
    BadInput
        As `check_labels`.
    """
    usual = max((known[role].clearance for role in roles if role in known), default=1)
    labels = IdentityLabels(tuple(roles), tuple(areas), tuple(departments), clearance or usual, attributes or {})
    check_labels(labels, known)
    return labels


def check_name(name: str) -> str:
    """Return the name of an account or a token as it is stored: in lower case.

    Raises
    ------
    BadInput
        When it has other characters, or is too long.
    """
    lower = name.strip().lower()
    if not NAME.fullmatch(lower):
        raise BadInput(
            f"a name has 1 to 63 of a-z, 0-9, '.', '_' and '-', and begins with a letter or a digit; got {name!r}",
            parameter="name",
        )
    return lower


def check_labels(labels: IdentityLabels, roles: Mapping[str, PolicyRole]) -> None:
    """Check labels before they are stored.

    Raises
    ------
    BadInput
        For a role that the policy does not know, one that needs an area and has none, a malformed area, department
        or attribute, a clearance out of range, and two of the roles that nobody may hold together: of the system, of
        security, of the audit.
    """
    unknown = sorted(set(labels.roles) - set(roles))
    if unknown:
        raise BadInput(f"unknown role {', '.join(unknown)}; known are {', '.join(sorted(roles))}", parameter="role")
    unbound = [role for role in labels.roles if roles[role].bound and not labels.areas]
    if unbound:
        raise BadInput(f"{', '.join(unbound)} needs an area: --area with a prefix of area codes", parameter="area")
    held = [sorted(power & set(labels.roles)) for power in _POWERS]
    if sum(bool(power) for power in held) > 1:
        both = ", ".join(name for power in held for name in power)
        raise BadInput(f"三权分立: nobody may hold two of these roles: {both}; make two accounts", parameter="role")
    for what, form, values in (
        ("area", _AREA, labels.areas),
        ("department", _WORD, labels.departments),
        ("attribute", _WORD, tuple(labels.attributes)),
    ):
        wrong = [value for value in values if not form.fullmatch(value)]
        if wrong or len(values) > _LISTED_MAX:
            raise BadInput(
                f"{what}: {form.pattern} is allowed, {_LISTED_MAX} at most; got {', '.join(wrong)[:200]}",
                parameter=what,
            )
    if not 1 <= labels.clearance <= 4:
        raise BadInput(f"a clearance is 1 to 4; got {labels.clearance}", parameter="clearance")
