"""States and the outbox of rules in PostGIS, written in one transaction with the cursor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import orjson

from twin.envelope.message import Message
from twin.rules.messages import pack, unpack

KEPT = timedelta(days=90)
"""States that were not updated for so long are dropped."""
_READ = "SELECT rule, subject, state, wakes_at FROM twin.rule_state WHERE rule = ANY ($1::text[])"
_OF = "SELECT subject, state FROM twin.rule_state WHERE rule = $1 AND subject = ANY ($2::text[])"
_AWAKE = "SELECT subject FROM twin.rule_state WHERE rule = $1 AND wakes_at <= $2 ORDER BY wakes_at LIMIT $3"
_KEEP = """
INSERT INTO twin.rule_state AS kept (rule, subject, state, wakes_at)
SELECT * FROM unnest($1::text[], $2::text[], $3::jsonb[], $4::timestamptz[])
ON CONFLICT (rule, subject) DO UPDATE SET state = excluded.state, wakes_at = excluded.wakes_at, updated_at = now()
"""
_DROP = """
DELETE FROM twin.rule_state AS kept USING unnest($1::text[], $2::text[]) AS gone (rule, subject)
WHERE kept.rule = gone.rule AND kept.subject = gone.subject
"""
_SEND = "INSERT INTO twin.rule_outbox (message) SELECT * FROM unnest($1::jsonb[])"
_WAITING = "SELECT id, message FROM twin.rule_outbox WHERE fault IS NULL ORDER BY id LIMIT $1"
_TAKEN = "DELETE FROM twin.rule_outbox WHERE id = ANY ($1::bigint[])"
_FAULT = "UPDATE twin.rule_outbox SET fault = $2 WHERE id = $1"
_COUNT = "SELECT count(*) FILTER (WHERE fault IS NULL), count(*) FILTER (WHERE fault IS NOT NULL) FROM twin.rule_outbox"
_FORGET = "DELETE FROM twin.rule_state WHERE wakes_at IS NULL AND updated_at < now() - $1::interval"

type StateKey = tuple[str, str]  # rule and subject


@dataclass(slots=True)
class RuleWork:
    """Decisions on some changes, to be written in one transaction.

    Attributes
    ----------
    kept
        States by rule and subject, each with the time at which it wakes; None drops the row.
    messages
        Messages to send, in order.
    """

    kept: dict[StateKey, tuple[dict[str, Any], datetime | None] | None] = field(default_factory=dict)
    messages: list[Message] = field(default_factory=list)


async def read_states(
    connection: asyncpg.Connection, rules: Sequence[str]
) -> list[tuple[str, str, dict[str, Any], datetime | None]]:
    """Return all states of some rules as (rule, subject, state, time at which it wakes)."""
    rows = await connection.fetch(_READ, list(rules))
    return [(row["rule"], row["subject"], orjson.loads(row["state"]), row["wakes_at"]) for row in rows]


async def states_of(connection: asyncpg.Connection, rule: str, subjects: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return the states of some subjects of a rule, by subject."""
    rows = await connection.fetch(_OF, rule, list(subjects))
    return {row["subject"]: orjson.loads(row["state"]) for row in rows}


async def awake(connection: asyncpg.Connection, rule: str, now: datetime, limit: int) -> list[str]:
    """Return the subjects of a rule that are due, the longest due first."""
    return [row["subject"] for row in await connection.fetch(_AWAKE, rule, now, limit)]


async def write(connection: asyncpg.Connection, work: RuleWork) -> None:
    """Write states and messages in the open transaction."""
    kept = [(*key, orjson.dumps(value[0]).decode(), value[1]) for key, value in work.kept.items() if value is not None]
    gone = [key for key, value in work.kept.items() if value is None]
    if kept:
        await connection.execute(_KEEP, *(list(column) for column in zip(*kept, strict=True)))
    if gone:
        await connection.execute(_DROP, *(list(column) for column in zip(*gone, strict=True)))
    if work.messages:
        await connection.execute(_SEND, pack(work.messages))


async def read_outbox(connection: asyncpg.Connection, limit: int) -> list[tuple[int, Message]]:
    """Return the oldest messages of the outbox with their numbers, except those set aside."""
    return [(row["id"], unpack(row["message"])) for row in await connection.fetch(_WAITING, limit)]


async def delete_from_outbox(connection: asyncpg.Connection, ids: Sequence[int]) -> None:
    """Delete messages that were taken from the outbox."""
    await connection.execute(_TAKEN, list(ids))


async def set_aside(connection: asyncpg.Connection, number: int, fault: str) -> None:
    """Keep a message that the pipeline refuses for a person to look at."""
    await connection.execute(_FAULT, number, fault[:1000])


async def count_outbox(connection: asyncpg.Connection) -> tuple[int, int]:
    """Return how many messages wait in the outbox, and how many the pipeline refused."""
    waiting, refused = await connection.fetchrow(_COUNT)
    return waiting, refused


async def forget(connection: asyncpg.Connection) -> None:
    """Drop states that wait for no time and were not updated for 90 days."""
    await connection.execute(_FORGET, KEPT)
