"""Events: every version is kept, and the collection `events` holds the state that follows from all of them.

The versions of an event are merged in the order of their phenomenon times: a later version replaces the fields it
names, and leaves the others. So the state does not depend on the order of arrival.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

import asyncpg
import orjson

from layers.catalog import Catalog
from layers.clause import quote_identifier
from layers.database.advisory_locks import AdvisoryLock
from layers.definition import GRADE
from layers.live_source import EVENTS
from layers.schema.tables import table_of
from twin.log.change import EventChange
from twin.log.changes import tells_itself
from twin.store.events import warnings
from twin.store.events.warning_areas import Extent, extents
from twin.store.placed import PlacedMessage
from twin.store.redaction.text import redact

_KEEP = """
INSERT INTO twin.event_version (event_id, phenomenon_time, source_version, stage, message, claimed_time, record)
SELECT * FROM unnest($1::text[], $2::timestamptz[], $3::bigint[], $4::text[], $5::text[], $6::timestamptz[],
    $7::jsonb[])
ON CONFLICT (event_id, phenomenon_time, source_version, message) DO NOTHING
"""
_VERSIONS = """
SELECT event_id, record, xmin = pg_current_xact_id()::xid AS is_new FROM twin.event_version
WHERE event_id = ANY ($1::text[])
ORDER BY event_id, phenomenon_time, source_version, message
"""

_REDACTED = ("title", "handling_note")  # in their place; of a description the original is kept, too
FOUND_BY = ("address_id", "location_confidence")
"""The address that the place of an event was found by, and how certain that was."""

type EventState = dict[str, Any]


async def write(
    connection: asyncpg.Connection, catalog: Catalog, placed: Sequence[PlacedMessage], now: datetime | None = None
) -> list[EventChange]:
    """Write events in the open transaction, and return one change for each event whose state is written anew.

    Parameters
    ----------
    now
        The time against which warnings expire; None is the time of the clock.
    """
    if not placed:
        return []
    await tells_itself(connection)
    await alone(connection)
    placed, merged = await _chained(connection, placed)
    around = await extents(connection, [one.message for one in placed])
    rows = sorted((_version(*pair) for pair in zip(placed, around, strict=True)), key=lambda row: (row[0], *row[1:3]))
    await connection.execute(_KEEP, *(list(column) for column in zip(*rows, strict=True)))
    changes = await settle(
        connection,
        catalog,
        {row[0] for row in rows} | {end["duplicate_of"] for end in merged},
        now or datetime.now(UTC),
    )
    return [*map(_change, merged), *changes]


async def settle(
    connection: asyncpg.Connection, catalog: Catalog, event_ids: Iterable[str], now: datetime
) -> list[EventChange]:
    """Write the state that follows from the versions of events, in the open transaction, and return the changes.

    No other transaction writes events meanwhile, so the versions that are read are all there are.
    """
    await alone(connection)
    table = catalog[EVENTS].definition
    known = [field.name for field in table.fields if field.has_column]
    versions, former = await _versions(connection, sorted(event_ids))
    states = [_state(event_id, records, now, table.grade) for event_id, records in versions.items()]
    if not states:
        return []
    await _upsert(connection, known, states)
    await warnings.remember(connection, states)
    return [_change({**state, **_former(former[state["id"]], state, table.grade)}) for state in states]


async def alone(connection: asyncpg.Connection) -> None:
    """Wait until no other transaction writes events; the lock is held to the end of the open transaction."""
    await connection.execute("SELECT pg_advisory_xact_lock($1)", AdvisoryLock.EVENTS)


def _former(records: Sequence[EventState], state: EventState, usual: int) -> EventState:
    """Return the member `before` of an event's change, from its versions of other transactions; empty for no change."""
    if not records:
        return {"before": None}
    was = {**fold(records), GRADE: _grade(records, usual)}
    names = {name for name in was.keys() | state.keys() if was.get(name) != state.get(name)} - {"id"}
    before = {name: was.get(name) for name in names if not isinstance(was.get(name), dict)}
    if GRADE in before:
        before["grade"] = before.pop(GRADE)
    return {"before": before} if before else {}


def _change(state: EventState) -> EventChange:
    told = {name: value for name, value in state.items() if name != GRADE}  # a change has a grade of its own
    return cast("EventChange", {"kind": "event", "layer": EVENTS, **told})


async def _chained(
    connection: asyncpg.Connection, placed: Sequence[PlacedMessage]
) -> tuple[list[PlacedMessage], list[EventState]]:
    """Give messages of warnings the event of their chain, and merge events whose chain is part of another now.

    Returns
    -------
    tuple
        The messages, and the last states of events that are gone: each names the event it was merged into.
    """
    chains = await warnings.join_chains(connection, [one.message for one in placed])
    if not chains.chain_of:
        return list(placed), []
    moved = await warnings.move(connection, chains.renamed)
    rows = await connection.fetch(
        f"DELETE FROM {table_of(EVENTS)} WHERE id = ANY ($1::text[]) RETURNING id, grid_code, area_code", list(moved)
    )
    merged = [{**row, "stage": "merged", "duplicate_of": moved[row["id"]]} for row in rows]
    return [_in_chain(one, chains) for one in placed], merged


def _in_chain(one: PlacedMessage, chains: warnings.Chains) -> PlacedMessage:
    chain = chains.of(one.message)
    return one if chain is None else replace(one, message=one.message._replace(feature_id=warnings.PREFIX + chain))


def _version(placed: PlacedMessage, extent: Extent | None) -> tuple[Any, ...]:
    m = placed.message
    fields = {name: value for name, value in m.data.items() if value is not None}
    claimed = fields.pop("claimed_time", None)
    for name in _REDACTED:
        if name in fields:
            fields[name] = redact(fields[name])
    if "description" in fields:
        fields["description_redacted"] = redact(fields["description"])
    if "event_class" not in fields and "event_class_code" in fields:
        fields["event_class"] = fields["event_class_code"][-4:]
    place = _place(placed) if m.lon is not None else _extent(extent)
    times = {"phenomenon_time": m.phenomenon_time, "sent_time": m.sent_time}
    identity: EventState = {"source_event_id": m.id, "source_version": m.version, **times}
    if "source" not in fields:  # a rule amends an event: its version has the rule's own fields only
        identity = {}
    record = {name: value for name, value in {**identity, **fields, **place}.items() if value is not None}
    rank = (m.phenomenon_time, m.version, m.stage, f"{m.source} {m.id}")
    return m.feature_id, *rank, claimed, orjson.dumps(record).decode()


def _place(placed: PlacedMessage) -> EventState:
    return {
        "lon": placed.message.lon,
        "lat": placed.message.lat,
        "grid_code": placed.grid_code,
        "area_code": placed.area_code,
        "urban_village_ids": list(placed.urban_village_ids),
        "waterway_code": placed.waterway_id,
    }


def _extent(extent: Extent | None) -> EventState:
    if extent is None:
        return {}
    return {"area": extent.area, "lon": extent.lon, "lat": extent.lat, "area_code": extent.area_code}


async def _versions(
    connection: asyncpg.Connection, event_ids: Sequence[str]
) -> tuple[dict[str, list[EventState]], dict[str, list[EventState]]]:
    """Return the versions of each event, and those alone that this transaction did not write."""
    versions: dict[str, list[EventState]] = defaultdict(list)
    former: dict[str, list[EventState]] = defaultdict(list)
    for row in await connection.fetch(_VERSIONS, event_ids):
        record = orjson.loads(row["record"])
        versions[row["event_id"]].append(record)
        if not row["is_new"]:
            former[row["event_id"]].append(record)
    return versions, former


def _state(event_id: str, records: Sequence[EventState], now: datetime, usual: int) -> EventState:
    return {"id": event_id, **warnings.expire(fold(records), now), GRADE: _grade(records, usual)}


def _grade(records: Sequence[EventState], usual: int) -> int:
    return warnings.PUBLIC_GRADE if warnings.is_public(records) else usual


def fold(records: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Merge versions, oldest first: a later one replaces the fields it names, and leaves the others.

    The grid and area of the first place stay with the event, unless a later version moves it.
    """
    state: dict[str, Any] = {}
    for record in records:
        if "lon" in record:  # a place ends what another was found by (so does `layers.read.past_events`)
            for name in FOUND_BY:
                state.pop(name, None)
        state |= {name: value for name, value in record.items() if value is not None}
    if "lon" in state:  # a place that may be right ends the fault of another (so does `layers.read.past_events`)
        state.pop("place_fault", None)
    return state


async def _upsert(connection: asyncpg.Connection, known: Sequence[str], states: Sequence[EventState]) -> None:
    """Write states into the collection's table; PostgreSQL reads each value by its column's type."""
    table = table_of(EVENTS)
    columns = [quote_identifier(name) for name in known]
    listed = ", ".join(["id", "geom", *columns])
    renewed = ", ".join(f"{c} = {_renewed(c)}" for c in ["geom", *columns])
    rows = [{**state, "updated_at": state["phenomenon_time"]} for state in states]
    await connection.execute(
        f"""INSERT INTO {table} AS kept ({listed})
        SELECT r.id, ST_SetSRID(ST_MakePoint(p.lon, p.lat), 4490), {", ".join(f"r.{c}" for c in columns)}
        FROM jsonb_array_elements($1::jsonb) AS given (state)
        CROSS JOIN LATERAL jsonb_populate_record(NULL::{table}, given.state) AS r
        CROSS JOIN LATERAL (SELECT (given.state ->> 'lon')::float8 AS lon, (given.state ->> 'lat')::float8 AS lat) AS p
        ORDER BY r.id
        ON CONFLICT (id) DO UPDATE SET {renewed}""",
        orjson.dumps(rows).decode(),
    )


def _renewed(column: str) -> str:
    if column == quote_identifier(GRADE):  # raised by hand, it stays so
        return f"greatest(kept.{column}, excluded.{column})"
    return f"excluded.{column}"
