"""One batch, one transaction: receipts, joins, history, state, the log and the feeds' counters, or nothing at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import accumulate

import asyncpg

from layers.catalog import Catalog
from layers.live_source import EVENTS
from twin.envelope.message import FeatureKey, Message
from twin.log import changes
from twin.log.change import Change
from twin.store import five_minutes, observations, positions, receipts
from twin.store.events import events, exercises
from twin.store.features import features
from twin.store.grades import Grades
from twin.store.outcome import Outcome
from twin.store.prepared import AreaJoin, Prepared

_COUNT = """
INSERT INTO twin.feed AS f (name, received, accepted, duplicate, late, coalesced, suspect, last_received_at,
    last_phenomenon_time, lag_s)
SELECT name, received, accepted, duplicate, late, coalesced, suspect, now(), newest,
    extract(epoch FROM clock_timestamp() - newest)
FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[],
    $8::timestamptz[]) AS given (name, received, accepted, duplicate, late, coalesced, suspect, newest)
ON CONFLICT (name) DO UPDATE SET received = f.received + excluded.received, accepted = f.accepted + excluded.accepted,
    duplicate = f.duplicate + excluded.duplicate, late = f.late + excluded.late,
    coalesced = f.coalesced + excluded.coalesced, suspect = f.suspect + excluded.suspect, last_received_at = now(),
    last_phenomenon_time = greatest(f.last_phenomenon_time, excluded.last_phenomenon_time),
    lag_s = coalesce(excluded.lag_s, f.lag_s)
"""


@dataclass(slots=True)
class Offer:
    """Messages of one feed that want to be taken together."""

    feed: str
    messages: Sequence[Message]


@dataclass(slots=True)
class CommittedBatch:
    """What became of a batch: outcomes in the order of the offers, and the log's numbers (0, 0 when none)."""

    outcomes: list[Outcome] = field(default_factory=list)
    first_seq: int = 0
    last_seq: int = 0


type _Late = tuple[set[FeatureKey], set[observations.ObservedProperty]]


async def write(
    connection: asyncpg.Connection,
    catalog: Catalog,
    areas: AreaJoin,
    offers: Sequence[Offer],
    *,
    thin: bool = False,
    grades: Grades | None = None,
    now: datetime | None = None,
) -> CommittedBatch:
    """Write offers in one transaction; when it returns they are durable, and when it raises nothing was written.

    Parameters
    ----------
    thin
        Under pressure: of the positions keep the newest of each thing only.
    grades
        What the process remembers of the features' grades.
    now
        When the messages came; None is the time of the clock.
    """
    messages = [message for offer in offers for message in offer.messages]
    digests = receipts.digests(messages)
    now = now or datetime.now(UTC)
    prepared = Prepared.of(areas, messages, now, thin=thin)  # as if all were new, which they nearly always are
    async with connection.transaction():
        fresh = await receipts.claim(connection, digests)
        if fresh is not None:
            prepared = Prepared.of(areas, [messages[position] for position in fresh], now, thin=thin)
        logged, late = await _write_kinds(connection, catalog, prepared, now)
        taken = _taken(offers, fresh)
        written = CommittedBatch(_outcomes(offers, taken, late))
        await exercises.keep(connection, _apart(offers, taken))
        await _touch(connection, {change["layer"] for change in logged if change["kind"] != "feature"})
        await (grades or Grades()).tell(connection, catalog, logged)
        await _count(connection, offers, written.outcomes, prepared.coalesced)
        if logged:  # the log last: its lock is held to the commit
            written.first_seq = await changes.append(connection, logged)
            written.last_seq = written.first_seq + len(logged) - 1
    return written


async def _write_kinds(
    connection: asyncpg.Connection, catalog: Catalog, prepared: Prepared, now: datetime
) -> tuple[list[Change], _Late]:
    moved, late_moved = await positions.write(connection, prepared.moved, prepared.moved_claimed)
    observed, late_observed = await observations.write(connection, prepared.measured, prepared.measured_claimed)
    await five_minutes.mark_late(connection, prepared.measured.rows)
    happened = await events.write(connection, catalog, prepared.placed.get("event", []), now)
    changed = await features.write(connection, catalog, prepared.placed.get("feature_change", []))
    return [*happened, *changed, *observed, *moved], (late_moved, late_observed)


def _taken(offers: Sequence[Offer], fresh: Sequence[int] | None) -> Sequence[Sequence[Message]]:
    """Tell each offer its own: a message that several hold counts for the first, as `receipts.claim` has it."""
    if fresh is None:
        return [offer.messages for offer in offers]
    ends = list(accumulate(len(offer.messages) for offer in offers))
    taken: list[list[Message]] = [[] for _ in offers]
    ours = 0
    for position in fresh:
        while position >= ends[ours]:
            ours += 1
        taken[ours].append(offers[ours].messages[position - ends[ours]])
    return taken


def _apart(offers: Sequence[Offer], taken: Sequence[Sequence[Message]]) -> list[tuple[str, Message]]:
    pairs = zip(offers, taken, strict=True)
    return [(offer.feed, message) for offer, kept in pairs for message in kept if message.mode != "actual"]


def _outcomes(offers: Sequence[Offer], taken: Sequence[Sequence[Message]], late: _Late) -> list[Outcome]:
    outcomes = []
    for offer, kept in zip(offers, taken, strict=True):
        received, accepted = len(offer.messages), len(kept)
        outcomes.append(Outcome(received, accepted, duplicate=received - accepted, late=_late(kept, late)))
    return outcomes


def _late(messages: Sequence[Message], late: _Late) -> int:
    moved, observed = late
    if not moved and not observed:
        return 0
    return sum(
        (m.kind == "position" and (m.layer, m.feature_id) in moved)
        or (m.kind == "observation" and (m.feature_id, m.property_code) in observed)
        for m in messages
    )


async def _count(
    connection: asyncpg.Connection, offers: Sequence[Offer], outcomes: Sequence[Outcome], coalesced: Sequence[Message]
) -> None:
    """Count for each feed, in one order, so that two writers never wait for each other."""
    left_out = {id(message) for message in coalesced}
    counts: dict[str, list[int]] = {}
    newest: dict[str, datetime | None] = {}
    for offer, outcome in zip(offers, outcomes, strict=True):
        here = counts.setdefault(offer.feed, [0] * 6)
        times = [message.phenomenon_time for message in offer.messages if not message.suspect]
        newest[offer.feed] = max([*times, *filter(None, [newest.get(offer.feed)])], default=None)
        thinned = sum(id(message) in left_out for message in offer.messages) if left_out else 0
        suspect = len(offer.messages) - len(times)
        added = (len(offer.messages), outcome.accepted, outcome.duplicate, outcome.late, thinned, suspect)
        counts[offer.feed] = [before + more for before, more in zip(here, added, strict=True)]
    if counts:
        names = sorted(counts)
        columns = zip(*(counts[name] for name in names), strict=True)
        await connection.execute(_COUNT, names, *(list(c) for c in columns), [newest[name] for name in names])


async def _touch(connection: asyncpg.Connection, layer_ids: set[str]) -> None:
    """Move the version of layers whose live state changed; tables that were written have done so by their trigger."""
    live = sorted(layer_ids - {EVENTS})
    if live:
        await connection.execute("SELECT onemap.touch(id) FROM unnest($1::text[]) AS id", live)
