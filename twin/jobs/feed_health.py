"""The health of feeds: when messages last came, at what rate, what was refused and why; and which layers are stale."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

import asyncpg

from layers.demo.record import read_demo_record
from twin.feeds.definition import FeedDefinition
from twin.jobs.leader import ingest_works

type Life = Literal["off", "never", "live", "silent"]

SILENT_AFTER = 3  # expected intervals without a message
_SINCE = """
LEFT JOIN LATERAL (
    SELECT s.received, s.accepted, s.rejected, extract(epoch FROM now() - s.at) / 60 AS minutes
    FROM twin.feed_sample AS s
    WHERE s.feed = f.name AND s.at BETWEEN now() - interval '{minutes} minutes' AND now() - interval '5 seconds'
    ORDER BY s.at LIMIT 1
) AS last_{minutes} ON TRUE
"""
_COUNTERS = f"""
SELECT f.*, extract(epoch FROM now() - f.last_received_at) AS age_s,
    (f.received - last_1.received) / last_1.minutes AS per_minute_1,
    (f.received - last_5.received) / last_5.minutes AS per_minute_5,
    (f.rejected - last_5.rejected) / last_5.minutes AS rejected_per_minute_5
FROM twin.feed AS f {_SINCE.format(minutes=1)} {_SINCE.format(minutes=5)}
"""
_TOTALS = "SELECT name, received, accepted, duplicate, late, rejected, held FROM twin.feed ORDER BY name"
_CONNECTORS = "SELECT feed, state, detail, since, fault, faulted_at FROM twin.connector"
_REFUSED = """
SELECT feed, reason, count(*) AS n FROM twin.refused WHERE replayed_at IS NULL AND discarded_at IS NULL
GROUP BY feed, reason ORDER BY feed, n DESC
"""


@dataclass(frozen=True, slots=True)
class ConnectorState:
    """The state of a connector; feeds that are pushed have none.

    Attributes
    ----------
    state
        ``starting``, ``working``, ``waiting`` (to try again), ``stopped``, or ``away``: no ingest process works.
    fault, faulted_at
        The last fault and its time, also when it works again.
    """

    state: str
    detail: str = ""
    since: datetime | None = None
    fault: str | None = None
    faulted_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class FeedState:
    """A feed and its health.

    Attributes
    ----------
    life
        ``off`` by its file, ``never`` heard, ``live``, or ``silent``: three expected intervals without a message.
    counters
        The row of `twin.feed`; empty when the feed was never heard.
    per_minute
        Messages a minute over the last 1 and 5 minutes; None when unknown.
    refused
        Number of messages that wait in the quarantine, by reason.
    """

    definition: FeedDefinition
    life: Life
    counters: Mapping[str, Any]
    per_minute: Mapping[int, float | None]
    refused: Mapping[str, int] = field(default_factory=dict)
    connector: ConnectorState | None = None

    def without_numbers(self) -> FeedState:
        """Return the state alone: how many messages come, and when, tells how much happens."""
        return replace(self, counters={}, per_minute={}, refused={})


@dataclass(frozen=True, slots=True)
class FeedStates:
    """All feeds.

    Attributes
    ----------
    stale
        Layers whose live state is no longer supplied, each with its silent feeds.
    ingest
        The ingest process, see `twin.jobs.leader.ingest_works`.
    """

    feeds: Sequence[FeedState]
    stale: Mapping[str, Sequence[str]]
    ingest: Mapping[str, Any]


async def read_health(
    reader: asyncpg.Connection | asyncpg.Pool, definitions: Mapping[str, FeedDefinition]
) -> FeedStates:
    """Read the health of all feeds; a synthetic feed that was never heard is left out unless the demo is loaded."""
    ingest = await ingest_works(reader)
    counters = {row["name"]: dict(row) for row in await reader.fetch(_COUNTERS)}
    connectors = {row["feed"]: _connector(row, works=ingest["working"]) for row in await reader.fetch(_CONNECTORS)}
    has_demo = await read_demo_record(reader) is not None
    refused: dict[str, dict[str, int]] = defaultdict(dict)
    for row in await reader.fetch(_REFUSED):
        refused[row["feed"]][row["reason"]] = row["n"]
    feeds = [
        _health(one, counters.get(name, {}), refused.get(name, {}), connectors.get(name))
        for name, one in definitions.items()
        if name in counters or not one.synthetic or has_demo
    ]
    return FeedStates(feeds, _stale(feeds), ingest)


async def read_totals(connection: asyncpg.Connection) -> dict[str, dict[str, int]]:
    """Return the messages of every feed there ever was, by name and by outcome."""
    rows = [dict(row) for row in await connection.fetch(_TOTALS)]
    return {row.pop("name"): row for row in rows}


def life_of(definition: FeedDefinition, age_s: float | None) -> Life:
    """Return whether a feed lives, from the seconds since its last message (None: never)."""
    if not definition.enabled:
        return "off"
    if age_s is None:
        return "never"
    expected_s = definition.expected_interval_s
    return "silent" if expected_s is not None and age_s > SILENT_AFTER * expected_s else "live"


def _health(
    definition: FeedDefinition,
    counters: Mapping[str, Any],
    refused: Mapping[str, int],
    connector: ConnectorState | None,
) -> FeedState:
    age_s = counters.get("age_s")
    rates = {minutes: _float(counters.get(f"per_minute_{minutes}")) for minutes in (1, 5)}
    life = life_of(definition, _float(age_s))
    fetched = definition.enabled and not definition.is_pushed
    return FeedState(definition, life, counters, rates, refused, connector if fetched else None)


def _connector(row: asyncpg.Record, *, works: bool) -> ConnectorState:
    values = dict(row)
    del values["feed"]
    return ConnectorState(**(values if works else {**values, "state": "away"}))


def _stale(feeds: Sequence[FeedState]) -> dict[str, list[str]]:
    stale: dict[str, list[str]] = defaultdict(list)
    for feed in feeds:
        for layer in feed.definition.supplies if feed.life == "silent" else ():
            stale[layer].append(feed.definition.name)
    return dict(stale)


def _float(value: Any) -> float | None:
    return None if value is None else float(value)
