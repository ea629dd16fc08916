"""A policy in force: which rules hold for which roles on which layer."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import time
from hashlib import blake2b
from types import MappingProxyType

from layers.policy.definition import ANONYMOUS_ROLE, EVERY, Duty, PolicyRole, PolicyRule


class Policy:
    """Roles and rules, compared by their digest.

    Attributes
    ----------
    digest
        A fingerprint of all roles and rules; part of the key of every cache of what an actor sees.
    """

    def __init__(self, roles: Iterable[PolicyRole], rules: Iterable[PolicyRule]) -> None:
        self.roles: Mapping[str, PolicyRole] = MappingProxyType({role.id: role for role in roles})
        self.rules = tuple(rules)
        text = "\n".join(part.model_dump_json() for part in (*self.roles.values(), *self.rules))
        self.digest = blake2b(text.encode(), digest_size=6).hexdigest()
        self._by_role: dict[str, list[PolicyRule]] = {}
        for rule in self.rules:
            for role in rule.roles:
                self._by_role.setdefault(role, []).append(rule)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Policy) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    @property
    def roles_to_give(self) -> Mapping[str, PolicyRole]:
        """The roles that an account or a token may be given: everybody is anonymous anyway."""
        return {name: role for name, role in self.roles.items() if name != ANONYMOUS_ROLE}

    def clearance_of(self, roles: Iterable[str]) -> int:
        """Return the highest clearance of some roles; 1 for none, and for those that the policy does not know."""
        return max((self.roles[role].clearance for role in roles if role in self.roles), default=1)

    def duties_of(self, roles: Iterable[str]) -> frozenset[Duty]:
        """Return the duties of some roles; those that the policy does not know have none."""
        return frozenset(duty for role in roles if role in self.roles for duty in self.roles[role].duties)

    def exports_freely(self, roles: Iterable[str]) -> bool:
        """Whether any of some roles exports without an approval."""
        return any(role in self.roles and self.roles[role].exports == "without_approval" for role in roles)

    def reads_caller(self, roles: Iterable[str]) -> bool:
        """Whether any rule of some roles tells callers of the same roles and areas apart."""
        return any(rule.reads_caller() for role in _with_anonymous(roles) for rule in self._by_role.get(role, ()))

    def reads_clock(self, roles: Iterable[str]) -> bool:
        """Whether any rule of some roles holds at some hours alone."""
        return any(rule.hours for role in _with_anonymous(roles) for rule in self._by_role.get(role, ()))

    def on_duty(self, roles: Iterable[str], at: time | None) -> frozenset[str]:
        """Return the ids of the rules of some roles with hours, within which a local time of day lies."""
        rules = (rule for role in _with_anonymous(roles) for rule in self._by_role.get(role, ()))
        return frozenset(rule.id for rule in rules if rule.hours and _within(rule.hours, at))

    def rules_of(self, role: str) -> tuple[PolicyRule, ...]:
        """Return the rules that name a role, in the order of the policy; not those of everybody."""
        return tuple(self._by_role.get(role, ()))

    def rules_on(
        self,
        layer_id: str,
        roles: Iterable[str],
        departments: Collection[str] = (),
        purpose: str | None = None,
        at: time | None = None,
    ) -> tuple[PolicyRule, ...]:
        """Return the rules that hold for roles on a layer, in the order of the policy; empty denies.

        Parameters
        ----------
        at
            The local time of day; None leaves out the rules that hold at some hours alone.
        """
        chosen: set[str] = set()
        for role in _with_anonymous(roles):
            own = [rule for rule in self._by_role.get(role, ()) if _names(rule, layer_id)]
            named = [rule for rule in own if rule.names_layers]
            chosen |= {rule.id for rule in named or own if _holds(rule, departments, purpose, at)}
        return tuple(rule for rule in self.rules if rule.id in chosen)


def _with_anonymous(roles: Iterable[str]) -> set[str]:
    return {ANONYMOUS_ROLE, *roles}


def _names(rule: PolicyRule, layer_id: str) -> bool:
    return EVERY in rule.layers or layer_id in rule.layers


def _holds(rule: PolicyRule, departments: Collection[str], purpose: str | None, at: time | None) -> bool:
    if rule.departments and not set(rule.departments) & set(departments):
        return False
    if rule.purposes and purpose not in rule.purposes:
        return False
    return rule.hours is None or _within(rule.hours, at)


def _within(hours: tuple[time, time], at: time | None) -> bool:
    start, end = hours
    if at is None:
        return False
    return start <= at < end if start < end else at >= start or at < end  # a night ends on the next day
