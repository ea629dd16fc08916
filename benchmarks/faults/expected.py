"""The expected state after the faults, computed from the sent messages: an oracle without any SQL of ours."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import asyncpg
import orjson

from benchmarks.faults.proxy import SentMessage
from benchmarks.faults.subscriber import ReceivedChange, Subscriber

_AMENDMENTS_FROM = 2**40  # versions that the service adds itself: limits, escalation

type Log = list[tuple[int, ReceivedChange]]


def _time(sent: SentMessage) -> datetime:
    return datetime.fromisoformat(sent["time"])


def _thing(sent: SentMessage) -> str:
    name: str = sent["subject"].partition("/")[2]
    return name


def _of(acknowledged: Mapping[Any, SentMessage], kind: str) -> list[SentMessage]:
    return [sent for sent in acknowledged.values() if f".{kind}." in sent["type"]]


async def find_problems(
    connection: asyncpg.Connection, acknowledged: Mapping[Any, SentMessage], subscribers: Sequence[Subscriber]
) -> list[str]:
    """Compare history, state, log and the received changes with the acknowledged messages; return the problems."""
    log = await read_log(connection)
    problems = [
        *await _history(connection, acknowledged),
        *await _state(connection, acknowledged),
        *await _clocks(connection),
    ]
    if [seq for seq, _ in log] != list(range(1, len(log) + 1)):
        problems.append("the numbers of the log have a gap or a repeat")
    for number, subscriber in enumerate(subscribers):
        problems += [f"subscriber {number}: {fault}" for fault in check_received(subscriber, log)]
    return problems


async def read_log(connection: asyncpg.Connection) -> Log:
    """Read the whole log: number and change."""
    rows = await connection.fetch("SELECT first_seq, changes FROM twin.change ORDER BY last_seq")
    return [(row["first_seq"] + n, c) for row in rows for n, c in enumerate(orjson.loads(row["changes"]))]


async def _history(connection: asyncpg.Connection, acknowledged: Mapping[Any, SentMessage]) -> list[str]:
    """Return the acknowledged messages that are missing or stored twice."""
    problems = []
    for kind, table in (("position", "position"), ("observation", "observation")):
        rows = await connection.fetch(f"SELECT id, coalesce(claimed_time, phenomenon_time) AS t FROM twin.{table}")
        found = Counter((row["id"], row["t"]) for row in rows)
        sent = Counter((_thing(one), _time(one)) for one in _of(acknowledged, kind))
        problems += _difference(kind, sent, found)
    rows = await connection.fetch(
        "SELECT event_id, source_version FROM twin.event_version WHERE event_id LIKE 'E%' AND source_version < $1",
        _AMENDMENTS_FROM,
    )
    versions = Counter((row[0], row[1]) for row in rows)
    problems += _difference(
        "event", Counter((_thing(one), one["version"]) for one in _of(acknowledged, "event")), versions
    )
    return problems


def _difference(kind: str, sent: Counter[Any], found: Counter[Any]) -> list[str]:
    lost, more = sent - found, found - sent
    problems = [f"{kind}: {lost.total()} acknowledged and lost, for example {next(iter(lost))}"] if lost else []
    return problems + ([f"{kind}: {more.total()} too many, for example {next(iter(more))}"] if more else [])


async def _state(connection: asyncpg.Connection, acknowledged: Mapping[Any, SentMessage]) -> list[str]:
    """Return where the state differs from what follows from all messages by their times, whatever their order."""
    problems = []
    rows = await connection.fetch("SELECT id, phenomenon_time, lon, lat FROM twin.position_now")
    positions = {row["id"]: tuple(row)[1:] for row in rows if not row["id"].startswith("jumping")}
    steady = [one for one in _of(acknowledged, "position") if not _thing(one).startswith("jumping")]
    expected: dict[str, Any] = {}
    for sent in sorted(steady, key=lambda one: (_time(one), one["data"]["lon"], one["data"]["lat"])):
        expected[_thing(sent)] = (_time(sent), sent["data"]["lon"], sent["data"]["lat"])
    problems += _unequal("where things are", positions, expected)
    rows = await connection.fetch("SELECT id, phenomenon_time, value FROM twin.observation_now")
    expected = {}
    for sent in sorted(_of(acknowledged, "observation"), key=lambda one: (_time(one), one["data"]["value"])):
        expected[_thing(sent)] = (_time(sent), sent["data"]["value"])
    problems += _unequal("what was measured", {row["id"]: tuple(row)[1:] for row in rows}, expected)
    rows = await connection.fetch("SELECT id, stage, title FROM layer.events WHERE id LIKE 'E%'")
    expected = {}
    for sent in sorted(_of(acknowledged, "event"), key=lambda one: (_time(one), one["version"])):
        expected[_thing(sent)] = (sent["data"]["stage"], sent["data"]["title"])
    return problems + _unequal("events", {row["id"]: tuple(row)[1:] for row in rows}, expected)


def _unequal(what: str, found: Mapping[str, Any], expected: Mapping[str, Any]) -> list[str]:
    odd = sorted(name for name in found.keys() | expected.keys() if found.get(name) != expected.get(name))
    if not odd:
        return []
    name = odd[0]
    return [f"{what}: {len(odd)} differ, for example {name}: {found.get(name)} instead of {expected.get(name)}"]


async def _clocks(connection: asyncpg.Connection) -> list[str]:
    """Return messages of the fast clock that are not marked, or lie in the future."""
    rows = await connection.fetch("SELECT phenomenon_time, claimed_time FROM twin.position WHERE id LIKE 'jumping%'")
    now = datetime.now(UTC)
    bad = [row for row in rows if row["claimed_time"] is None or row["phenomenon_time"] > now]
    ahead = await connection.fetchval("SELECT count(*) FROM twin.position_now WHERE phenomenon_time > now()")
    return [f"clock: {len(bad)} of {len(rows)} not marked, {ahead} in the state ahead of time"] if bad or ahead else []


def check_received(subscriber: Subscriber, log: Log) -> list[str]:
    """Compare received changes with the log: every event once and in order, of other changes at least the last."""
    problems = [f"was told {subscriber.resyncs} times to start again"] if subscriber.resyncs else []
    numbers = [seq for seq, _ in subscriber.received]
    if any(a >= b for a, b in pairwise(numbers)):
        problems.append("numbers did not grow")
    since = [(seq, change) for seq, change in log if seq > (subscriber.began or 0)]
    received_events = [_event(c) for _, changes in subscriber.received for c in changes if c["kind"] == "event"]
    logged_events = [_event(c) for _, c in since if c["kind"] == "event"]
    if received_events != logged_events:
        problems.append(
            f"heard {len(received_events)} changes of events, {len(logged_events)} happened, or their order differs"
        )
    last_received = {
        _key(c): c["phenomenon_time"] for _, changes in subscriber.received for c in changes if _is_value(c)
    }
    last_logged = {_key(c): c["phenomenon_time"] for _, c in since if _is_value(c)}
    return problems + _unequal("last values", last_received, last_logged) + _repeats(subscriber, since)


def _repeats(subscriber: Subscriber, since: Log) -> list[str]:
    """Return changes of values that were received twice, or that the log does not hold."""
    found = Counter((_key(c), c["phenomenon_time"]) for _, c in since if _is_value(c))
    received = Counter(
        (_key(c), c["phenomenon_time"]) for _, changes in subscriber.received for c in changes if _is_value(c)
    )
    return (
        [f"{(received - found).total()} changes of values were heard twice or never happened"]
        if received - found
        else []
    )


def _is_value(change: ReceivedChange) -> bool:
    return change["kind"] in {"position", "observation"}


def _key(change: ReceivedChange) -> str:
    return f"{change['layer']}/{change['id']}/{change.get('property', '')}"


def _event(change: ReceivedChange) -> tuple[Any, ...]:
    return change["id"], change.get("stage"), change.get("title")
