"""The log of one event: what its versions changed, step by step; append-only, because versions are."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg
import orjson

SYSTEM = "system"
_SHOWN = (
    "severity", "level_current", "due_at", "overdue", "report_due_at", "report_overdue", "notify_levels",
    "parent_event_id", "duplicate_of", "closed_at", "alert_count",
)  # fmt: skip
_VERSIONS = """
SELECT phenomenon_time, ingested_at, record, message FROM twin.event_version WHERE event_id = $1
ORDER BY phenomenon_time, source_version, message LIMIT $2
"""


@dataclass(frozen=True, slots=True)
class LogStep:
    """One version of an event.

    Attributes
    ----------
    seq
        From 1, in the order of the phenomena.
    at, known_at
        When it was so, and since when this server has known it.
    actor
        ``system`` for a rule of the house, else ``source``: whoever sent it.
    action
        What a rule did; of a source, ``version``.
    rule_ids
        The rules it was done by.
    changed
        What else it says that is new, of the fields everybody may see who may see the event.
    """

    seq: int
    at: datetime
    known_at: datetime
    actor: str
    action: str
    rule_ids: tuple[str, ...]
    stage_from: str | None
    stage_to: str | None
    changed: dict[str, Any]


async def read_log(connection: asyncpg.Connection, event_id: str, visible: Container[str], limit: int) -> list[LogStep]:
    """Return the log of an event, oldest first, at most `limit` steps.

    Parameters
    ----------
    visible
        Names of the fields the reader may see; that it may see the event has been made sure of.
    """
    return steps_of(await connection.fetch(_VERSIONS, event_id, limit), visible)


def steps_of(versions: Iterable[Mapping[str, Any]], visible: Container[str]) -> list[LogStep]:
    """Make the log of the versions of one event, in the order of their times, as far as its fields are visible."""
    steps: list[LogStep] = []
    state: dict[str, Any] = {}
    for seq, version in enumerate(versions, 1):
        record = version["record"]
        told: dict[str, Any] = orjson.loads(record) if isinstance(record, str) else dict(record)
        said = {name: value for name, value in told.items() if name in visible}
        by_rule = str(version["message"]).startswith("/rules/")
        rules = said.get("rule_ids") or ([str(said["rule_id"])] if by_rule and said.get("rule_id") else [])
        steps.append(
            LogStep(
                seq=seq,
                at=version["phenomenon_time"],
                known_at=version["ingested_at"],
                actor=SYSTEM if by_rule else "source",
                action=str(said.get("last_action") or "amend") if by_rule else "version",
                rule_ids=tuple(rules),
                stage_from=state.get("stage"),
                stage_to=said.get("stage") or state.get("stage"),
                changed={name: said[name] for name in _SHOWN if name in said and said[name] != state.get(name)},
            )
        )
        state |= {name: value for name, value in said.items() if value is not None}
    return steps
