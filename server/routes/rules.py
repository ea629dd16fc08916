"""`/twin/rules`: the rules and their health; transitions of fences; the log of an event."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from layers.coordinates.crs import CRS84
from layers.database.connection import in_our_words
from layers.errors import NotFound
from layers.live_source import EVENTS
from layers.moment import read_time
from layers.read.query import single
from layers.read.shown_fields import holding_cases, shown_fields
from server.dependencies import ActorHere, IdentityHere, StateHere
from server.surroundings.datum_route import IN_ANY_DATUM, DatumRoute
from twin.rules.calendar import LOCAL
from twin.rules.fences.history import TransitionQuery, transitions
from twin.rules.health import RuleJobs, calendar_note, read_rule_jobs
from twin.rules.registry import Rules
from twin.store.events.history import LogStep, read_log

router = APIRouter(prefix="/twin", tags=["rules"], route_class=DatumRoute)
TRANSITIONS_MAX = 1000
STEPS_MAX = 2000
_NUMBERS = frozenset({"rules", "metrics"})


class RuleHealth(BaseModel):
    """A rule and how it does."""

    name: str
    kind: str
    title_zh: str
    title_en: str
    enabled: bool
    in_force: bool = Field(description="the ingest process works with it")
    open: int | None = Field(description="alarms or clusters that are open, or movers that are inside")
    fault: str | None = Field(description="why it cannot be used; the rule before it stays in force")
    note: str | None = Field(default=None, description="what it does not know: years whose holidays are missing")


class RulesHealth(BaseModel):
    """All rules, the files with a fault, and how far the jobs are; numbers are null but for duties that need them."""

    rules: list[RuleHealth]
    faults: dict[str, str] = Field(description="by file, or by rule where the file is right and the data is not")
    behind: dict[str, int] | None = Field(description="changes of the log that each job has still to read")
    moved_at: dict[str, datetime] | None
    unsaid: int | None = Field(description="messages decided and not yet taken by the pipeline")
    set_aside: int | None = Field(description="messages that the pipeline refused; kept for a person")


class Transition(BaseModel):
    """A mover and a fence: what came to be so, and when."""

    id: int
    fence: str
    action: Literal["enter", "exit", "dwell", "cross"]
    at: datetime
    since: datetime
    layer: str
    mover: str
    area_layer: str
    area_id: str
    area_name: str | None
    lon: float | None
    lat: float | None
    grid_code: str | None
    area_code: str | None


class Transitions(BaseModel):
    """The newest first; `next` is the `before` of the next page."""

    transitions: list[Transition]
    next: int | None


class EventLog(BaseModel):
    """What became of an event, step by step, oldest first."""

    event_id: str
    steps: list[LogStep]


@router.get("/rules", summary="规则及运行情况 Rules and how they do")
async def rules(state: StateHere, response: Response, identity: IdentityHere) -> RulesHealth:
    """Say of every rule whether it is in force; those with the duty `rules` learn of faulty files.

    What is open, and how far the jobs are, is told to those with the duty `rules` or `metrics`: it tells what happens.
    """
    known = state.rules.read()
    with in_our_words():
        async with state.pool.acquire() as connection:
            jobs = await read_rule_jobs(connection)
    response.headers["Cache-Control"] = "no-store"
    counts = not _NUMBERS.isdisjoint(identity.duties)
    faults = {**known.faults, **jobs.faults} if "rules" in identity.duties else {}
    return RulesHealth(
        rules=[_health(name, rule, faults, jobs, known, counts=counts) for name, rule in sorted(known.by_name.items())],
        faults=faults,
        behind=jobs.behind if counts else None,
        moved_at=jobs.moved_at if counts else None,
        unsaid=jobs.unsaid if counts else None,
        set_aside=jobs.set_aside if counts else None,
    )


def _health(
    name: str, rule: Any, faults: Mapping[str, str], jobs: RuleJobs, known: Rules, *, counts: bool
) -> RuleHealth:
    return RuleHealth(
        name=name,
        kind=rule.kind,
        title_zh=rule.title_zh,
        title_en=rule.title_en,
        enabled=getattr(rule, "enabled", True),
        in_force=name in jobs.in_force,
        open=jobs.open.get(name, 0) if counts else None,
        fault=faults.get(f"{name}.yaml") or faults.get(name),
        note=calendar_note(known, getattr(rule, "calendar", name), datetime.now(LOCAL).date()),
    )


@router.get("/fences/transitions", summary="Who entered, left, stayed, passed through", dependencies=IN_ANY_DATUM)
async def fence_transitions(
    state: StateHere,
    actor: ActorHere,
    *,
    fence: Annotated[str | None, Query(max_length=63, description="a set of fences: the name of its rule")] = None,
    action: Annotated[Literal["enter", "exit", "dwell", "cross"] | None, Query()] = None,
    mover: Annotated[str | None, Query(max_length=200)] = None,
    area: Annotated[str | None, Query(max_length=200, description="id of the fence")] = None,
    start: Annotated[str | None, Query(max_length=60, description="须带时区 from this moment on")] = None,
    end: Annotated[str | None, Query(max_length=60, description="须带时区 before this moment")] = None,
    before: Annotated[int | None, Query(ge=1, description="`next` of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=TRANSITIONS_MAX)] = 100,
) -> Transitions:
    """Return transitions, the newest first; only of movers and fences that the reader may see."""
    begin, finish = (None if text is None else read_time(text, name) for text, name in ((start, "start"), (end, "end")))
    query = TransitionQuery(fence, action, mover, area, begin, finish, before)
    text, values = transitions(state.catalog.current, actor, query, limit + 1).render()
    with in_our_words():
        rows = [dict(row) for row in await state.pool.fetch(text, *values)]
    found = [Transition(**row) for row in rows[:limit]]
    return Transitions(transitions=found, next=found[-1].id if len(rows) > limit else None)


@router.get("/events/{event_id}/log", summary="事件处置记录 The log of an event")
async def event_log(state: StateHere, actor: ActorHere, event_id: str) -> EventLog:
    """Return what became of an event: its stages, and what rules did (actor `system`), with both times of each step."""
    layer = state.catalog.current.visible(EVENTS, actor)
    text, values = single(layer, actor, event_id, CRS84).render()
    with in_our_words():
        async with state.pool.acquire() as connection:
            if "\0" in event_id or await connection.fetchval(text, *values) is None:
                raise NotFound(f"there is no event '{event_id[:80]}'", parameter="event_id")
            cases, named = holding_cases(layer, actor, event_id).render()
            visible = shown_fields(layer, actor, tuple(await connection.fetchrow(cases, *named)))
            return EventLog(event_id=event_id, steps=await read_log(connection, event_id, visible, STEPS_MAX))
