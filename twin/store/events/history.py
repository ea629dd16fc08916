"""The log of one event: the changes of its versions, step by step; append-only, because versions are."""

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
        The time of the phenomenon, and the time since which this server has known it.
    actor
        ``system`` for a rule of this service, else ``source``, the sender.
    action
        The action of a rule; ``version`` for a source.
    rule_ids
        The rules that acted.
    changed
        The other fields that are new, of those that every reader of the event may see.
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
        Names of the fields the reader may see; that it may see the event is checked before.
    """
    return steps_of(await connection.fetch(_VERSIONS, event_id, limit), visible)


def steps_of(versions: Iterable[Mapping[str, Any]], visible: Container[str]) -> list[LogStep]:
    """Return the log of the versions of one event, which come in the order of their times; visible fields only."""
    steps: list[LogStep] = []
    state: dict[str, Any] = {}
    for seq, version in enumerate(versions, 1):
        record = version["record"]
        fields: dict[str, Any] = orjson.loads(record) if isinstance(record, str) else dict(record)
        shown = {name: value for name, value in fields.items() if name in visible}
        by_rule = str(version["message"]).startswith("/rules/")
        rules = shown.get("rule_ids") or ([str(shown["rule_id"])] if by_rule and shown.get("rule_id") else [])
        steps.append(
            LogStep(
                seq=seq,
                at=version["phenomenon_time"],
                known_at=version["ingested_at"],
                actor=SYSTEM if by_rule else "source",
                action=str(shown.get("last_action") or "amend") if by_rule else "version",
                rule_ids=tuple(rules),
                stage_from=state.get("stage"),
                stage_to=shown.get("stage") or state.get("stage"),
                changed={name: shown[name] for name in _SHOWN if name in shown and shown[name] != state.get(name)},
            )
        )
        state |= {name: value for name, value in shown.items() if value is not None}
    return steps
