"""How long the twin keeps what: history goes by whole days, and what is older than its table keeps is not taken."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import asyncpg
import structlog

from twin.envelope.message import Reading
from twin.envelope.refused import Reason, Refusal, raw_of
from twin.envelope.write import write_structured
from twin.log import changes
from twin.store import receipts

_log = structlog.get_logger(__name__)
_PAST_ROWS = 5000  # a transaction
_DROP = "SELECT twin.drop_days($1, (now() AT TIME ZONE 'UTC' - $2::interval)::date)"


@dataclass(frozen=True, slots=True)
class RetentionPeriods:
    """How long things are kept. Events and the counts made of them are kept for good.

    Attributes
    ----------
    positions, observations
        Whole days of history (UTC); a day goes when all of it is older.
    layers
        Rows of layers that were replaced or deleted since.
    log
        Changes that a stream can be resumed from.
    receipts
        How long a message that is sent again is known.
    refused
        Messages in quarantine.
    """

    positions: timedelta = timedelta(days=90)
    observations: timedelta = timedelta(days=365)
    layers: timedelta = timedelta(days=1095)
    log: timedelta = timedelta(days=2)
    receipts: timedelta = timedelta(days=7)
    refused: timedelta = timedelta(days=90)


def refuse_too_old(reading: Reading, kept: RetentionPeriods, *, now: datetime) -> None:
    """Move messages that are older than their history is kept to the refused: nothing is taken to be dropped."""
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
    """Drop what is older than it is kept; returns how much went, in days or rows.

    Every table has a transaction of its own, and a day that somebody still reads stays until the next call: whoever
    reads or writes waits for nothing.
    """
    went = {
        "days of positions": await _forget_history(connection, "position", kept.positions),
        "days of observations": await _forget_history(connection, "observation", kept.observations),
        "rows of layers": await _forget_layers(connection, kept.layers),
        "frames of the log": await changes.forget(connection, kept.log),
    }
    await receipts.forget(connection, kept.receipts)
    await connection.execute("DELETE FROM twin.refused WHERE refused_at < now() - $1::interval", kept.refused)
    await connection.execute("DELETE FROM twin.nonce WHERE expires_at < now()")
    if any(went.values()):
        _log.info("history was dropped", **went)
    return went


async def _forget_history(connection: asyncpg.Connection, table: str, older_than: timedelta) -> int:
    """Drop whole days, and from the rest, which has no days, the rows of such days."""
    dropped: int = await connection.fetchval(_DROP, table, older_than)
    await connection.execute(
        f"""DELETE FROM twin.{table}_rest
        WHERE phenomenon_time < (now() AT TIME ZONE 'UTC' - $1::interval)::date AT TIME ZONE 'UTC'""",
        older_than,
    )
    return dropped


async def _forget_layers(connection: asyncpg.Connection, older_than: timedelta) -> int:
    """Drop rows in small transactions: whoever replaces rows meanwhile does not wait."""
    dropped, went = 0, _PAST_ROWS
    while went == _PAST_ROWS:
        went = await connection.fetchval("SELECT onemap.forget_past($1, $2)", older_than, _PAST_ROWS)
        dropped += went
    return dropped
