"""Holders of the roles of the policy, with the areas, departments and attributes that its rules ask for."""

from __future__ import annotations

from layers.actor import Actor

STREET = "440106011"
COMMUNITY = "440106011001"
GRID = "440106011001001"
HELD = {
    "anonymous": {},
    "grid_worker": {"area_prefixes": (GRID,), "attributes": (("worker_id", "W1"),)},
    "community_officer": {"area_prefixes": (COMMUNITY,)},
    "street_dispatcher": {"area_prefixes": (STREET,)},
    "district_dispatcher": {},
    "department_officer": {"departments": ("water",), "attributes": (("org", "水务局"),)},
    "leader": {},
    "analyst": {},
    "data_steward": {},
    "auditor": {},
}
"""What the holder of each role has besides it."""
VARIANTS = {
    "department_officer of two": {"departments": ("urban_mgmt", "emergency"), "purpose": "emergency"},
    "district_dispatcher at work": {"purpose": "dispatch"},
}
"""Holders of the same roles who have something else, after whose role the name goes on."""
PLAIN = ("public_user", "feed_client", "monitor", "sysadmin", "security_admin")
"""Roles without rules of their own."""


def readers(policy):
    """Return every holder by name."""
    return {name: holder(policy, name) for name in (*HELD, *VARIANTS)}


def holder(policy, name):
    """Return one holder."""
    role = name.split(" ", maxsplit=1)[0]
    return Actor(
        name,
        policy.clearance_of([role]),
        roles=() if role == "anonymous" else (role,),
        policy=policy,
        **(HELD | VARIANTS).get(name, {}),
    )
