"""Accounts of the demo, one a role, with random passwords that are stored nowhere in clear."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

import asyncpg

from layers.identity.accounts import add_account, set_password
from layers.identity.labels import IdentityLabels
from layers.identity.passwords import hash_password, random_password
from layers.policy.definition import PolicyRole

_PLACES = """
SELECT w.worker_id, w.grid_codes[1] AS grid, w.community_code AS community, c.street_code AS street,
    s.district_code AS district
FROM layer.grid_workers AS w INNER JOIN layer.communities AS c ON c.community_code = w.community_code
INNER JOIN layer.streets AS s ON s.street_code = c.street_code
WHERE w.grid_codes IS NOT NULL ORDER BY w.worker_id LIMIT 1
"""
_EXISTING = "SELECT name FROM identity.account WHERE demo"
NAME_PREFIX = "demo."
_PLAIN = ("leader", "analyst", "data_steward", "monitor", "sysadmin", "security_admin", "auditor")


@dataclass(frozen=True, slots=True)
class DemoAccount:
    """An account of the demo, with the password that is shown once."""

    name: str
    title: str
    labels: IdentityLabels
    password: str


async def make_demo_accounts(
    connection: asyncpg.Connection, roles: Mapping[str, PolicyRole], *, reset: bool = False
) -> list[DemoAccount]:
    """Make the accounts, unless there are any.

    Parameters
    ----------
    connection
        In the owner's role, to a database that holds the demo.
    roles
        Of the policy; a role that it does not know gets no account.
    reset
        Give accounts that exist new passwords, and end their sessions.

    Returns
    -------
    list of DemoAccount
        Those with a new password; empty when they exist and are not to be reset, and without any grid worker.
    """
    existing = {row["name"] for row in await connection.fetch(_EXISTING)}
    places = await connection.fetchrow(_PLACES)
    if places is None or (existing and not reset):
        return []
    made = [
        DemoAccount(f"{NAME_PREFIX}{role}", f"{known.title_zh} {known.title_en}", labels, random_password())
        for role, labels in _labels(places, roles).items()
        if (known := roles.get(role))
    ]
    hashes = await asyncio.gather(*(asyncio.to_thread(hash_password, one.password) for one in made))
    async with connection.transaction():
        for one, hashed in zip(made, hashes, strict=True):
            if one.name in existing:
                await set_password(connection, one.name, hashed, must_change=False)
            else:
                await add_account(
                    connection, one.name, one.labels, title=one.title, password_hash=hashed, demo=True
                )  # fmt: skip
    return made


def _labels(places: asyncpg.Record, roles: Mapping[str, PolicyRole]) -> dict[str, IdentityLabels]:
    """Return the labels by role: a worker of one grid, officers of its community and street, and those above."""
    areas = {
        "grid_worker": places["grid"],
        "community_officer": places["community"],
        "street_dispatcher": places["street"],
        "district_dispatcher": places["district"],
        "department_officer": places["district"],
    }
    return {
        role: IdentityLabels(
            (role,),
            (areas[role],) if role in areas else (),
            ("water",) if role == "department_officer" else (),
            roles[role].clearance if role in roles else 1,
            {"worker_id": places["worker_id"]} if role == "grid_worker" else {},
        )
        for role in (*areas, *_PLAIN)
    }
