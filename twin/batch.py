"""One batch, one transaction: receipts, joins, history, state, the log and the feeds' counters, or nothing at all."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

import asyncpg
import numpy as np
import numpy.typing as npt

from layers.catalog import Catalog
from twin import changes, events, measured, moving, receipts
from twin.envelope_message import Message
from twin.join_result import Joined
from twin.moving import Placed

_COUNT = """
INSERT INTO twin.feed AS f (name, received, accepted, duplicate, late, last_received_at, last_phenomenon_time, lag_s)
VALUES ($1, $2, $3, $4, $5, now(), $6, $7)
ON CONFLICT (name) DO UPDATE SET received = f.received + excluded.received, accepted = f.accepted + excluded.accepted,
    duplicate = f.duplicate + excluded.duplicate, late = f.late + excluded.late, last_received_at = now(),
    last_phenomenon_time = greatest(f.last_phenomenon_time, excluded.last_phenomenon_time), lag_s = excluded.lag_s
"""


class AreaJoin(Protocol):
    """What places points (`twin.join.AreaIndex`)."""

    def locate(self, lonlat: npt.NDArray[np.float64]) -> Joined:
        """Return the facts of points `[n, 2]` in CRS84 degrees; NaN has none."""


@dataclass(slots=True)
class Offer:
    """Messages of one feed that want to be taken together."""

    feed: str
    messages: Sequence[Message]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an offer, once it is committed."""

    accepted: int
    duplicate: int
    late: int


@dataclass(slots=True)
class Written:
    """What became of a batch: outcomes in the order of the offers, and the log's numbers (0, 0 when none)."""

    outcomes: list[Outcome] = field(default_factory=list)
    first_seq: int = 0
    last_seq: int = 0


async def write(connection: asyncpg.Connection, catalog: Catalog, areas: AreaJoin, offers: Sequence[Offer]) -> Written:
    """Write offers in one transaction; when it returns they are durable, and when it raises nothing was written."""
    async with connection.transaction():
        taken = await receipts.claim(connection, [m for offer in offers for m in offer.messages])
        actual = [message for message in taken if message.mode == "actual"]  # an exercise never paints the live map
        logged, late = await _write_kinds(connection, catalog, _place(areas, actual))
        written = Written(_outcomes(offers, taken, late))
        counted = sorted(zip(offers, written.outcomes, strict=True), key=lambda pair: pair[0].feed)
        for offer, outcome in counted:  # in one order, so that two writers never wait for each other
            await _count(connection, offer, outcome)
        await _touch(connection, {change["layer"] for change in logged})
        await _grade(connection, catalog, logged)
        if logged:  # the log last: its lock is held to the commit
            written.first_seq = await changes.append(connection, logged)
            written.last_seq = written.first_seq + len(logged) - 1
    return written


def _place(areas: AreaJoin, messages: Sequence[Message]) -> list[Placed]:
    located = [(m.lon, m.lat) if m.lon is not None else (np.nan, np.nan) for m in messages]
    if not located:
        return []
    facts = areas.locate(np.array(located, dtype=np.float64))
    columns = (facts.grid_code, facts.area_code, facts.urban_village_ids, facts.waterway_id)
    return [Placed(*row) for row in zip(messages, *columns, strict=True)]


async def _write_kinds(
    connection: asyncpg.Connection, catalog: Catalog, placed: Sequence[Placed]
) -> tuple[list[dict[str, Any]], int]:
    def of(kind: str) -> list[Placed]:
        return [one for one in placed if one.message.kind == kind]

    moved, late_moved = await moving.write(connection, of("position"))
    observed, late_observed = await measured.write(connection, of("observation"))
    happened = await events.write(connection, catalog, of("event"))
    return [*happened, *observed, *moved], late_moved + late_observed


def _outcomes(offers: Sequence[Offer], taken: Sequence[Message], late: int) -> list[Outcome]:
    """Share out what was taken: a message that several offers hold counts for the first, as `receipts.claim` has it."""
    open_identities = Counter(message.identity for message in taken)
    outcomes = []
    for offer in offers:
        accepted = 0
        for message in offer.messages:
            if open_identities[message.identity] > 0:
                open_identities[message.identity] -= 1
                accepted += 1
        outcomes.append(Outcome(accepted, len(offer.messages) - accepted, min(late, accepted)))
        late -= outcomes[-1].late
    return outcomes


async def _count(connection: asyncpg.Connection, offer: Offer, outcome: Outcome) -> None:
    if not offer.messages:
        return
    newest = max(message.phenomenon_time for message in offer.messages)
    lag_s = (datetime.now(UTC) - newest).total_seconds()
    counts = (len(offer.messages), outcome.accepted, outcome.duplicate, outcome.late)
    await connection.execute(_COUNT, offer.feed, *counts, newest, lag_s)


async def _grade(connection: asyncpg.Connection, catalog: Catalog, logged: Sequence[dict[str, Any]]) -> None:
    """Tell each change the data grade of its feature, so that streams can keep it from those who may not see it."""
    ids: dict[str, set[str]] = defaultdict(set)
    for change in logged:
        ids[change["layer"]].add(change["id"])
    for layer_id, wanted in ids.items():
        layer = catalog.get(layer_id)
        known: dict[str, int] = {}
        if layer is not None and "data_grade" in layer.definition.by_name:
            rows = await connection.fetch(
                f"SELECT id, data_grade FROM {layer.table} WHERE id = ANY ($1::text[])", list(wanted)
            )
            known = dict(map(tuple, rows))
        default = layer.definition.grade if layer is not None else 4
        for change in logged:
            if change["layer"] == layer_id:
                change["grade"] = known.get(change["id"], default)


async def _touch(connection: asyncpg.Connection, layer_ids: set[str]) -> None:
    """Move the version of layers whose live state changed; tables that were written have done so by their trigger."""
    live = sorted(layer_ids - {events.LAYER})
    if live:
        await connection.execute("SELECT onemap.touch(id) FROM unnest($1::text[]) AS id", live)
