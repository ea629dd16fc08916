"""Writing one batch in one transaction: receipts, history, state, the log and the feeds' counters, or nothing."""

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
    """Messages of one feed that are written together."""

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
        Under pressure: write only the newest position of each thing.
    grades
        The features' grades that the process has read; None reads them anew.
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
        new = _new_messages(offers, fresh)
        written = CommittedBatch(_outcomes(offers, new, late))
        await exercises.keep(connection, _exercises(offers, new))
        await _touch(connection, {change["layer"] for change in logged if change["kind"] != "feature"})
        await (grades or Grades()).assign(connection, catalog, logged)
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


def _new_messages(offers: Sequence[Offer], fresh: Sequence[int] | None) -> Sequence[Sequence[Message]]:
    """Return the new messages of each offer; one in several offers is new in the first, as `receipts.claim` has it."""
    if fresh is None:
        return [offer.messages for offer in offers]
    ends = list(accumulate(len(offer.messages) for offer in offers))
    new: list[list[Message]] = [[] for _ in offers]
    offer = 0
    for position in fresh:
        while position >= ends[offer]:
            offer += 1
        new[offer].append(offers[offer].messages[position - ends[offer]])
    return new


def _exercises(offers: Sequence[Offer], new: Sequence[Sequence[Message]]) -> list[tuple[str, Message]]:
    pairs = zip(offers, new, strict=True)
    return [(offer.feed, message) for offer, own in pairs for message in own if message.mode != "actual"]


def _outcomes(offers: Sequence[Offer], new: Sequence[Sequence[Message]], late: _Late) -> list[Outcome]:
    outcomes = []
    for offer, own in zip(offers, new, strict=True):
        received, accepted = len(offer.messages), len(own)
        outcomes.append(Outcome(received, accepted, duplicate=received - accepted, late=_count_late(own, late)))
    return outcomes


def _count_late(messages: Sequence[Message], late: _Late) -> int:
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
    """Add to the counters of the feeds, in one order, so that two writers never wait for each other."""
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
    """Raise the version of layers whose live state changed; the tables that were written have triggers for it."""
    live = sorted(layer_ids - {EVENTS})
    if live:
        await connection.execute("SELECT onemap.touch(id) FROM unnest($1::text[]) AS id", live)
