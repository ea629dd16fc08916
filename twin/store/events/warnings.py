"""Warnings: messages that refer to each other are one event, which ends when it expires.

Messages of a warning come in any order, and refer to each other only in part. All that are connected by references are
one chain, named after the oldest. So the chain does not depend on the order of arrival, and an event that turns out to
be part of another is moved into it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from layers.database.advisory_locks import AdvisoryLock
from twin.envelope.message import Message

PREFIX = "warning-"
PUBLIC_GRADE = 1
_WEATHER = "weather_warning"
_KNOWN = """
WITH met AS (
    SELECT DISTINCT chain FROM twin.warning_chain WHERE scope = $1 AND identifier = ANY ($2::text[])
)
SELECT m.identifier, m.sent, m.chain FROM twin.warning_chain AS m JOIN met USING (chain) WHERE m.scope = $1
"""
_JOIN = """
INSERT INTO twin.warning_chain AS kept (scope, identifier, sent, chain)
SELECT $1, * FROM unnest($2::text[], $3::timestamptz[], $4::text[])
ON CONFLICT (scope, identifier) DO UPDATE SET sent = least(kept.sent, excluded.sent), chain = excluded.chain
"""
_MOVE_VERSIONS = """
UPDATE twin.event_version AS v SET event_id = $2 WHERE event_id = $1 AND NOT EXISTS (
    SELECT FROM twin.event_version AS there WHERE there.event_id = $2 AND there.phenomenon_time = v.phenomenon_time
        AND there.source_version = v.source_version AND there.message = v.message
)
"""
_OPEN = """
INSERT INTO twin.warning_open (event_id, expires_at) SELECT * FROM unnest($1::text[], $2::timestamptz[])
ON CONFLICT (event_id) DO UPDATE SET expires_at = excluded.expires_at
"""


@dataclass(frozen=True, slots=True)
class Chains:
    """Chains that messages belong to.

    Attributes
    ----------
    chain_of
        By scope and identifier.
    renamed
        Chains that became part of another, with the other's name.
    """

    chain_of: dict[tuple[str, str], str]
    renamed: dict[str, str]

    def of(self, message: Message) -> str | None:
        """Return the chain of a message; None when it is no warning."""
        link = _link(message) if self.chain_of else None
        return None if link is None else self.chain_of[_scope(message), link.identifier]


@dataclass(frozen=True, slots=True)
class _Link:
    """A message of a warning: its identifier, the time it was sent, and its references."""

    identifier: str
    sent: datetime
    references: tuple[tuple[str, datetime], ...]


async def join_chains(connection: asyncpg.Connection, messages: Sequence[Message]) -> Chains:
    """Add the messages of warnings to their chains, in the open transaction.

    Parameters
    ----------
    messages
        Messages of any kind, all of them actual or none: a renamed chain is one or the other. Those that are no warning
        are left out.
    """
    found, scopes = Chains({}, {}), dict[str, list[_Link]]()
    for message in messages:
        if (link := _link(message)) is not None:
            scopes.setdefault(_scope(message), []).append(link)
    if scopes:
        await connection.execute("SELECT pg_advisory_xact_lock($1)", AdvisoryLock.WARNING_CHAINS)
    for scope, links in sorted(scopes.items()):
        named = sorted({one for link in links for one in (link.identifier, *(r for r, _ in link.references))})
        known = {row["identifier"]: (row["sent"], row["chain"]) for row in await connection.fetch(_KNOWN, scope, named)}
        sent, chains = _joined(known, links)
        rows = [(name, sent[name], chains[name]) for name in sorted(sent)]
        await connection.execute(_JOIN, scope, *(list(column) for column in zip(*rows, strict=True)))
        found.renamed.update({chain: chains[chain] for _, chain in known.values() if chains[chain] != chain})
        found.chain_of.update({(scope, name): chain for name, chain in chains.items()})
    return found


def _joined(
    known: dict[str, tuple[datetime, str]], links: Iterable[_Link]
) -> tuple[dict[str, datetime], dict[str, str]]:
    """Return the time each message was sent, and its chain: the oldest of all that are connected."""
    sent = {name: when for name, (when, _) in known.items()}
    parent = {name: chain for name, (_, chain) in known.items()}

    def root(name: str) -> str:
        while parent.setdefault(name, name) != name:
            parent[name] = parent.setdefault(parent[name], parent[name])
            name = parent[name]
        return name

    for link in links:
        for name, when in ((link.identifier, link.sent), *link.references):
            sent[name] = min(when, sent.get(name, when))
            parent[root(name)] = root(link.identifier)
    oldest: dict[str, tuple[datetime, str]] = {}
    for name, when in sent.items():
        oldest[root(name)] = min((when, name), oldest.get(root(name), (when, name)))
    return sent, {name: oldest[root(name)][1] for name in sent}


def _scope(message: Message) -> str:
    """Return the scope of a chain: one source and mode, so that an exercise cancels no real warning."""
    return message.source if message.mode == "actual" else f"{message.source} {message.mode}"


def _link(message: Message) -> _Link | None:
    """Return the references of a message; None when it is no warning."""
    cap = message.data.get("cap")
    if not isinstance(cap, dict) or not message.feature_id.startswith(PREFIX):
        return None
    try:
        references = tuple((str(r["identifier"]), _moment(r["sent"])) for r in cap.get("references") or ())
        return _Link(str(cap["identifier"]), _moment(cap["sent"]), references)
    except (KeyError, TypeError, ValueError):  # a sender's own object, which is not CAP
        return None


def _moment(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError("a time without an offset")
    return found


async def move(connection: asyncpg.Connection, renamed: dict[str, str]) -> dict[str, str]:
    """Move the versions of events whose chain is part of another now; return each event with the one it went into."""
    moved: dict[str, str] = {}
    for old, new in sorted(renamed.items()):
        before, after = PREFIX + old, PREFIX + new
        await connection.execute(_MOVE_VERSIONS, before, after)
        await connection.execute("DELETE FROM twin.event_version WHERE event_id = $1", before)
        await connection.execute("DELETE FROM twin.warning_open WHERE event_id = $1", before)
        moved[before] = after
    return moved


def is_public(records: Iterable[dict[str, Any]]) -> bool:
    """Whether the versions of an event are a weather warning for everybody.

    Every version counts, whatever their order: one that is for a closed circle keeps the event from strangers. What a
    rule adds has no source and decides nothing.
    """
    sent = [record for record in records if "source" in record]
    return bool(sent) and all(record["source"] == _WEATHER and _scope_word(record) == "Public" for record in sent)


def _scope_word(record: dict[str, Any]) -> str | None:
    cap = record.get("cap")
    return cap.get("scope") if isinstance(cap, dict) else None


def expire(state: dict[str, Any], now: datetime) -> dict[str, Any]:
    """Return the state of an event; a warning whose time is over is closed."""
    ends = expires_at(state)
    if ends is None or ends > now:
        return state
    return {**state, "stage": "closed", "closed_at": state["due_at"]}


def expires_at(state: dict[str, Any]) -> datetime | None:
    """Return the time an open warning expires; None for any other event."""
    if state.get("cap") is None or state.get("due_at") is None or state.get("stage") == "closed":
        return None
    return datetime.fromisoformat(state["due_at"])


async def remember(connection: asyncpg.Connection, states: Sequence[dict[str, Any]]) -> None:
    """Write until when warnings are in force, for the job that closes them."""
    warned = [state for state in states if state.get("cap") is not None]
    if not warned:
        return
    ends = {state["id"]: expires_at(state) for state in warned}
    gone = sorted(name for name, when in ends.items() if when is None)
    await connection.execute("DELETE FROM twin.warning_open WHERE event_id = ANY ($1::text[])", gone)
    rows = sorted((name, when) for name, when in ends.items() if when is not None)
    if rows:
        await connection.execute(_OPEN, *(list(column) for column in zip(*rows, strict=True)))
