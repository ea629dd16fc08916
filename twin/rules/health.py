"""How the rules work: what their jobs report of themselves, how far behind the log they are, and what waits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import asyncpg

from twin.log.changes import last_seq
from twin.log.cursor import read_cursors
from twin.rules.fences.job import CURSOR as FENCES
from twin.rules.job import CURSOR as RULES
from twin.rules.registry import Rules
from twin.rules.store import count_outbox


@dataclass(frozen=True, slots=True)
class RuleJobs:
    """The jobs of rules and fences together.

    Attributes
    ----------
    faults
        By file, or by rule where the file is right and the data is not.
    open
        Number of open alarms or clusters, or of movers inside, by rule.
    in_force
        Names of the rules the jobs work with.
    behind
        Changes of the log still to be read, by job.
    moved_at
        Time of the last move of the cursor, by job.
    unsaid, set_aside
        Messages in the outbox: not yet taken by the pipeline, and refused by it.
    """

    faults: Mapping[str, str]
    open: Mapping[str, int]
    in_force: Sequence[str]
    behind: dict[str, int]
    moved_at: dict[str, datetime]
    unsaid: int
    set_aside: int


async def read_rule_jobs(connection: asyncpg.Connection) -> RuleJobs:
    """Read what the jobs of rules and fences last wrote; a job that never worked is left out."""
    jobs = await read_cursors(connection, (RULES, FENCES))
    unsaid, set_aside = await count_outbox(connection)
    head = await last_seq(connection)
    return RuleJobs(
        faults=_merge("faults", [job.state for job in jobs]),
        open=_merge("open", [job.state for job in jobs]),
        in_force=[name for job in jobs for name in job.state.get("in_force", ())],
        behind={job.name: max(head - job.seq, 0) for job in jobs},
        moved_at={job.name: job.moved_at for job in jobs},
        unsaid=unsaid,
        set_aside=set_aside,
    )


def calendar_note(rules: Rules, name: str, today: date) -> str | None:
    """Return a note on the years whose holidays a calendar lacks; None when it has what limits need on a day."""
    calendar = rules.calendar(name)
    lacking = calendar.lacking(today) if calendar is not None else ()
    if not lacking:
        return None
    years = "、".join(map(str, lacking))
    return f"{years} 年节假日未录入，只按周末计算 the holidays of {years} are not known: only weekends count as free"


def _merge(key: str, states: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {name: value for state in states for name, value in state.get(key, {}).items()}
