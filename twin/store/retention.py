"""Retention of history: whole days are dropped, and messages older than their history is kept are refused."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import asyncpg
import structlog

from layers.live_source import EVENTS as EVENTS_LAYER
from twin.envelope.message import Reading
from twin.envelope.refused import Reason, Refusal, raw_of
from twin.envelope.write import write_structured
from twin.log import changes
from twin.store import receipts
from twin.store.purge import blank_features

_log = structlog.get_logger(__name__)
_PAST_ROWS = 5000  # a transaction
_EVENTS = 500  # a transaction
_FORGET_PAST = "SELECT onemap.forget_past($1, $2)"
_THIN_EVENTS = "SELECT twin.thin_events($1, $2)"  # blanks sensitive fields
_DROP = "SELECT twin.drop_days($1, (now() AT TIME ZONE 'UTC' - $2::interval)::date)"


@dataclass(frozen=True, slots=True)
class RetentionPeriods:
    """Periods for which data is kept. Counts of events are kept for good.

    Attributes
    ----------
    positions, observations
        Whole days of history (UTC); a day is dropped when all of it is older.
    layers
        Replaced and deleted rows of layers.
    log
        Changes from which a stream can resume.
    receipts
        Receipts, by which a message that is sent again is known.
    refused
        Messages in quarantine.
    event_details
        Fields of grade 3 and 4 of events: description, address, handler. Counted from an event's newest news. Whole
        messages of exercises.
    events
        Whole events; counted alike.
    quarantine
        Rows that loads rejected.
    drops
        Files that were taken or could not be read.
    """

    positions: timedelta = timedelta(days=90)
    observations: timedelta = timedelta(days=365)
    layers: timedelta = timedelta(days=1095)
    log: timedelta = timedelta(days=2)
    receipts: timedelta = timedelta(days=7)
    refused: timedelta = timedelta(days=90)
    event_details: timedelta = timedelta(days=1095)
    events: timedelta = timedelta(days=3650)
    quarantine: timedelta = timedelta(days=90)
    drops: timedelta = timedelta(days=30)


def refuse_too_old(reading: Reading, kept: RetentionPeriods, *, now: datetime) -> None:
    """Move messages to the refused that are older than their history is kept."""
    positions_from, observations_from = now - kept.positions, now - kept.observations
    taken = []
    for index, message in enumerate(reading.messages):
        limit = {"position": positions_from, "observation": observations_from}.get(message.kind)
        if limit is None or message.phenomenon_time >= limit:
            taken.append(message)
            continue
        days = (now - limit).days
        detail = (
            f"{message.kind}s are kept for {days} days; this one is of {message.phenomenon_time:%Y-%m-%d %H:%M} UTC"
        )
        raw = raw_of(write_structured(message))
        reading.refused.append(Refusal(reading.place(index), Reason.TOO_OLD, detail, raw, canonical=True))
    if len(taken) < len(reading.messages):
        reading.messages[:] = taken


async def forget(connection: asyncpg.Connection, kept: RetentionPeriods) -> dict[str, int]:
    """Drop everything older than its period, and return how much was dropped, in days or rows.

    Every table has a transaction of its own, and a day that is being read stays until the next call: readers and
    writers never wait.
    """
    dropped = {
        "days of positions": await _forget_history(connection, "position", kept.positions),
        "days of observations": await _forget_history(connection, "observation", kept.observations),
        "rows of layers": await _in_parts(connection, _FORGET_PAST, kept.layers, _PAST_ROWS),
        "frames of the log": await changes.forget(connection, kept.log),
        "whole events": await _forget_events(connection, kept.events),
        "details of events": await _in_parts(connection, _THIN_EVENTS, kept.event_details, _EVENTS),
        "rejected rows": await connection.fetchval("SELECT twin.forget_rejected($1)", kept.quarantine),
    }
    await receipts.forget(connection, kept.receipts)
    await connection.execute("DELETE FROM twin.refused WHERE refused_at < now() - $1::interval", kept.refused)
    await connection.execute("DELETE FROM twin.exercise WHERE received_at < now() - $1::interval", kept.event_details)
    await connection.execute("DELETE FROM twin.nonce WHERE expires_at < now()")
    if any(dropped.values()):
        _log.info("history was dropped", **dropped)
    return dropped


async def _forget_history(connection: asyncpg.Connection, table: str, older_than: timedelta) -> int:
    """Drop whole days, and the rows of these days from the partition of the rest."""
    dropped: int = await connection.fetchval(_DROP, table, older_than)
    await connection.execute(
        f"""DELETE FROM twin.{table}_rest
        WHERE phenomenon_time < (now() AT TIME ZONE 'UTC' - $1::interval)::date AT TIME ZONE 'UTC'""",
        older_than,
    )
    return dropped


async def _in_parts(connection: asyncpg.Connection, statement: str, older_than: timedelta, most: int) -> int:
    """Run a statement on some rows at a time, each a small transaction, so that writers do not wait; return how many.

    Parameters
    ----------
    statement
        Returns how many rows it took, at most as many as it is given.
    """
    taken, some = 0, most
    while some == most:
        some = await connection.fetchval(statement, older_than, most)
        taken += some
    return taken


async def _forget_events(connection: asyncpg.Connection, older_than: timedelta) -> int:
    """Delete whole events, in small transactions; what the log has of them is blanked."""
    deleted, some = 0, _EVENTS
    while some == _EVENTS:
        async with connection.transaction():
            gone: list[str] = await connection.fetchval("SELECT twin.forget_events($1, $2)", older_than, _EVENTS)
            if gone:
                await blank_features(connection, EVENTS_LAYER, gone)
        some = len(gone)
        deleted += some
    return deleted
