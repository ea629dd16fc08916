"""Tickets for references into other systems: each counts once, for minutes, for one subject; in the identity role."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg

from layers.identity.secret import digest_of, is_secret, new_secret

LIFE_S = 300
"""A ticket lives five minutes at most (leak path 10 of the domain reference)."""

_TAKE = "SELECT layer, feature, field, list_position AS position FROM identity.take_ticket($1, $2)"


@dataclass(frozen=True, slots=True)
class Referred:
    """What a ticket stands for.

    Attributes
    ----------
    position
        The place in a list, from 0; None where the field is no list.
    """

    layer: str
    feature: str
    field: str
    position: int | None


async def issue_tickets(pool: asyncpg.Pool, subject: str, wanted: Sequence[Referred]) -> list[str]:
    """Return a new ticket for each reference of one feature, in order; only their digests are stored."""
    tickets = [new_secret() for _ in wanted]
    if wanted:
        await pool.execute(
            "SELECT identity.issue_tickets($1, $2, $3, $4, $5, $6, $7)",
            subject,
            wanted[0].layer,
            wanted[0].feature,
            [digest_of(ticket) for ticket in tickets],
            [one.field for one in wanted],
            [one.position for one in wanted],
            LIFE_S,
        )
    return tickets


async def take_ticket(pool: asyncpg.Pool, ticket: str, subject: str) -> Referred | None:
    """Use a ticket up; None for one that is unknown, used, too old or another subject's."""
    if not is_secret(ticket):
        return None
    row = await pool.fetchrow(_TAKE, digest_of(ticket), subject)
    return Referred(**dict(row)) if row else None
