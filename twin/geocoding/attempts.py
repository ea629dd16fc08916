"""Attempts to find the place of events by their addresses: which are due, and which wait for a person or were given up.

An event with a place has no attempt: what it was found by stands with the event (`address_id`, `location_confidence`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import asyncpg

from layers.live_source import EVENTS
from layers.schema.tables import table_of

type AttemptVerdict = Literal["unique", "ambiguous", "none", "outside"]
type PlaceRefusal = Literal["no_place", "unclear", "elsewhere", "duplicate"]
"""Why a person gives an event's place up: it has none, its address says too little, it lies elsewhere, it is known."""

_TABLE = table_of(EVENTS)
SAME_ADDRESS = "g.address_md5 = md5(coalesce(e.address, ''))"
"""The condition that the attempt `g` was about the address that the event `e` has."""

_DUE = f"""
SELECT e.id, e.address, e.phenomenon_time FROM {_TABLE} AS e LEFT JOIN twin.geocoding AS g ON g.event_id = e.id
WHERE e.geom IS NULL AND e.address <> '' AND onemap.event_is_open(e.stage, e.closed_at)
    AND e.source IS DISTINCT FROM 'weather_warning' AND e.id > $2
    AND EXISTS (SELECT FROM twin.event_version AS v WHERE v.event_id = e.id)
    AND (g.event_id IS NULL OR NOT {SAME_ADDRESS} OR (g.refused_at IS NULL AND g.library <> $1))
ORDER BY e.id LIMIT $3
"""
_KEEP = """
INSERT INTO twin.geocoding (event_id, address_md5, verdict, confidence, library, tried_at)
VALUES ($1, md5($2), $3, $4, $5, now())
ON CONFLICT (event_id) DO UPDATE SET address_md5 = excluded.address_md5, verdict = excluded.verdict,
    confidence = excluded.confidence, library = excluded.library, tried_at = excluded.tried_at,
    refusal = NULL, refused_by = NULL, refused_at = NULL
"""
_REFUSE = f"""
INSERT INTO twin.geocoding AS g (event_id, address_md5, refusal, refused_by, refused_at)
SELECT e.id, md5(coalesce(e.address, '')), $2, $3, now() FROM {_TABLE} AS e WHERE e.id = $1 AND e.geom IS NULL
ON CONFLICT (event_id) DO UPDATE SET address_md5 = excluded.address_md5, refusal = excluded.refusal,
    refused_by = excluded.refused_by, refused_at = excluded.refused_at
RETURNING event_id
"""
_FORGET = f"""
DELETE FROM twin.geocoding AS g
WHERE NOT EXISTS (SELECT FROM {_TABLE} AS e WHERE e.id = g.event_id AND e.geom IS NULL)
"""


@dataclass(frozen=True, slots=True)
class UnplacedEvent:
    """An event of a feed with an address and without a place, whose address was not searched yet.

    Attributes
    ----------
    phenomenon_time
        When it happened, as its newest version says.
    """

    id: str
    address: str
    phenomenon_time: datetime | None


async def due_events(
    connection: asyncpg.Connection, library: int, *, after: str = "", limit: int = 50
) -> list[UnplacedEvent]:
    """Return open events whose address was not searched in this version of the address library, in the order of ids.

    What a person gave up is due again when another address comes.
    """
    return [UnplacedEvent(**row) for row in await connection.fetch(_DUE, library, after, limit)]


async def keep_attempt(
    connection: asyncpg.Connection,
    event: UnplacedEvent,
    verdict: AttemptVerdict,
    confidence: float | None,
    library: int,
) -> None:
    """Note that an address was searched and the event waits for a person."""
    await connection.execute(_KEEP, event.id, event.address, verdict, confidence, library)


async def refuse_place(connection: asyncpg.Connection, event_id: str, refusal: PlaceRefusal, by: str) -> bool:
    """Give the place of an event up; False when there is no such event without a place."""
    return await connection.fetchval(_REFUSE, event_id, refusal, by) is not None


async def forget_attempts(connection: asyncpg.Connection) -> None:
    """Forget the attempts of events that have a place now, or are gone."""
    await connection.execute(_FORGET)
