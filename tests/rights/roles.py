"""One holder of every role of the policy, with the areas, departments and attributes that its rules ask for."""

from __future__ import annotations

from layers.actor import Actor

STREET = "440106011"
GRID = "440106011001001"
ATTRIBUTES = {"grid_worker": (("worker_id", "W1"),), "department_officer": (("org", "水务局"),)}


def holder(policy, role):
    """Return an actor of a role."""
    bound = policy.roles[role].bound
    areas = () if not bound else (GRID,) if role == "grid_worker" else (STREET,)
    return Actor(
        role,
        policy.clearance_of([role]),
        area_prefixes=areas,
        roles=() if role == "anonymous" else (role,),
        departments=("water",) if role == "department_officer" else (),
        attributes=ATTRIBUTES.get(role, ()),
        policy=policy,
    )
