"""Steps of the person who handles an event: a task is claimed, finished, sent back, or put off (GB/T 30428).

A step is a version of the event, as a rule's amendment is. Its identity is the event with the number of the stage it
leaves, so that of two people who take the same step at the same time one is told that the other was first.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple

import asyncpg

from layers.errors import Conflict, NotFound
from layers.live_source import EVENTS
from twin.envelope.message import Message, message_without_measurement

type StepName = Literal["claim", "finish", "return", "suspend"]

NAME = "steps"  # the maker of the messages, beside the feeds
SOURCE = "/house/steps"
_PHOTOS_MAX = 1000
_STATE = """
SELECT e.stage, e.handler_id, e.snapshot_refs,
    (SELECT count(*) FROM twin.event_version AS v WHERE v.event_id = e.id AND v.stage IS NOT NULL) AS version,
    (SELECT v.record ->> 'handler_id' FROM twin.event_version AS v
        WHERE v.event_id = e.id AND v.message = $2 LIMIT 1) AS taken_by,
    (SELECT v.stage FROM twin.event_version AS v WHERE v.event_id = e.id AND v.message = $2 LIMIT 1) AS taken_to
FROM layer.events AS e WHERE e.id = $1
"""
_VERSIONS = """
SELECT event_id, count(*) AS version FROM twin.event_version WHERE event_id = ANY ($1::text[]) AND stage IS NOT NULL
GROUP BY event_id
"""


class TaskStep(NamedTuple):
    """Stages in which a step may be taken, the stage after it, and the field of its time; None when there is none."""

    before: frozenset[str]
    after: str
    timed: str | None = None


STEPS: dict[StepName, TaskStep] = {
    "claim": TaskStep(frozenset(("dispatch", "returned", "suspended")), "handle"),
    "finish": TaskStep(frozenset(("handle",)), "feedback", "handled_at"),
    "return": TaskStep(frozenset(("dispatch",)), "returned"),
    "suspend": TaskStep(frozenset(("handle",)), "suspended"),
}


@dataclass(frozen=True, slots=True)
class StepRequest:
    """A step that somebody wants to take.

    Attributes
    ----------
    version
        The number of stages that the event had when its handler looked at it.
    note
        The handler's words; empty when there are none.
    photos
        References of pictures, which are added to those of the event.
    """

    event_id: str
    name: StepName
    version: int
    handler: str
    note: str = ""
    photos: tuple[str, ...] = ()

    @property
    def message_id(self) -> str:
        """The id of the message: of each stage, the first step that is taken counts."""
        return f"{self.event_id}@{self.version}"


def steps_in(stage: str | None) -> list[StepName]:
    """Return the steps that may be taken in a stage."""
    return [name for name, step in STEPS.items() if stage in step.before]


async def versions_of(connection: asyncpg.Connection, event_ids: Iterable[str]) -> dict[str, int]:
    """Return the number of stages of events so far; those that never had a stage are left out."""
    return {row["event_id"]: row["version"] for row in await connection.fetch(_VERSIONS, list(event_ids))}


async def step_message(connection: asyncpg.Connection, asked: StepRequest, now: datetime) -> Message | None:
    """Return the version of the event that a step makes; None when this very step is taken already.

    Raises
    ------
    NotFound
        When there is no such event.
    Conflict
        When the event has moved on, is in a stage without this step, or is somebody else's task.
    """
    row = await connection.fetchrow(_STATE, asked.event_id, f"{SOURCE} {asked.message_id}")
    if row is None:
        raise NotFound(f"there is no event '{asked.event_id[:80]}'", parameter="event_id")
    step = STEPS[asked.name]
    if row["taken_by"] == asked.handler and row["taken_to"] == step.after:
        return None
    if row["version"] != asked.version:
        raise Conflict(
            f"事件已变为第 {row['version']} 版，请刷新 the event has moved on: it is at version {row['version']} "
            f"(stage {row['stage']}), not {asked.version}",
            parameter="version",
        )
    if row["stage"] not in step.before:
        allowed = ", ".join(sorted(step.before))
        raise Conflict(
            f"'{asked.name}' is a step from {allowed}; the event is in the stage {row['stage']}", parameter="step"
        )
    if row["handler_id"] not in {None, asked.handler}:
        raise Conflict(
            "任务已派给他人 the task is somebody else's; ask the dispatcher to assign it to you", parameter="step"
        )
    return _message(asked, step, row["snapshot_refs"] or (), now)


def _message(asked: StepRequest, step: TaskStep, photos: Sequence[str], now: datetime) -> Message:
    data: dict[str, object] = {"stage": step.after, "handler_id": asked.handler}
    if step.timed is not None:
        data[step.timed] = now
    if asked.note:
        data["handling_note"] = asked.note
    if asked.photos:
        data["snapshot_refs"] = list(dict.fromkeys((*photos, *asked.photos)))[-_PHOTOS_MAX:]
    return message_without_measurement(
        "event",
        SOURCE,
        asked.message_id,
        f"cn.gov.district.event.{asked.name}",
        layer=EVENTS,
        feature_id=asked.event_id,
        phenomenon_time=now,
        data=data,
        stage=step.after,
    )
