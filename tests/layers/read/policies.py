"""Small policies for tests, in Python."""

from __future__ import annotations

from layers.actor import Actor
from layers.policy.definition import PolicyRole, PolicyRule


def role(name, clearance=4, **more):
    return PolicyRole(id=name, title_zh=name, title_en=name, clearance=clearance, **more)


def rule(name, roles, layers="*", **more):
    return PolicyRule(id=name, roles=tuple(roles.split()), layers=tuple(layers.split()), **more)


def actor_of(policy, *roles, areas=(), **more):
    return Actor(
        "+".join(roles) or "anonymous",
        policy.clearance_of(roles),
        tuple(areas),
        roles=tuple(roles),
        policy=policy,
        **more,
    )
