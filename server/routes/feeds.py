"""`POST /feeds/{name}`: delivery of events, observations and positions. `GET /twin/feeds`: the health of feeds."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from layers.errors import BadInput
from server.dependencies import IdentityHere, StateHere
from server.feeds.client import may_write_as
from server.feeds.outcome import Taken
from server.feeds.stream import is_stream, take_stream
from server.http.body import read_body
from server.identity.identity import Identity, identity_of
from twin.feeds.definition import FeedDefinition
from twin.jobs import feed_health
from twin.jobs.feed_health import read_health

router = APIRouter(tags=["feeds"])
_DUTY = "feeds"  # addresses of brokers and folders are for those who tend them
_COUNTS = ("received", "accepted", "duplicate", "late", "rejected", "held", "coalesced", "suspect")
NUMBERS = frozenset({"feeds", "metrics"})
"""Duties that are told numbers: of others, each could learn from them how much happens where, and when."""


class Connector(BaseModel):
    """What goes and gets the messages of a feed; where, and what went wrong, is told to the operator only."""

    state: str = Field(description="starting, working, waiting (to try again), stopped; away: no ingest process works")
    since: datetime | None
    detail: str | None = None
    fault: str | None = None
    faulted_at: datetime | None = None


class FeedHealth(BaseModel):
    """A feed and how it does; numbers and times of messages are null but for the duties `feeds` and `metrics`."""

    name: str
    title_zh: str
    title_en: str
    protocol: str
    supplies: tuple[str, ...]
    synthetic: bool
    enabled: bool
    state: str = Field(description="off, never (heard), live, silent (three expected intervals without a message)")
    expected_interval_s: float | None
    received: int | None = None
    accepted: int | None = None
    duplicate: int | None = None
    late: int | None = None
    rejected: int | None = None
    held: int | None = None
    coalesced: int | None = None
    suspect: int | None = None
    last_received_at: datetime | None = None
    last_phenomenon_time: datetime | None = None
    lag_s: float | None = None
    per_minute_1: float | None = Field(default=None, description="messages a minute over the last minute")
    per_minute_5: float | None = Field(default=None, description="over the last five minutes")
    refused: dict[str, int] | None = Field(
        default=None, description="messages kept with a reason, that nobody has taken again yet"
    )
    silent: bool = Field(description="three expected intervals without a message, or none ever")
    connector: Connector | None = Field(description="of feeds that are fetched; null for those that are pushed")


class StaleLayer(BaseModel):
    """A layer whose live state is older than it looks."""

    layer: str
    feeds: list[str] = Field(description="feeds that supplied it and have gone silent")


class Ingest(BaseModel):
    """The process that goes and gets messages."""

    working: bool
    since: datetime | None = None
    seen_at: datetime | None = None


class Feeds(BaseModel):
    """All feeds, what is stale because one of them is silent, and the files that have a fault."""

    feeds: list[FeedHealth]
    stale: list[StaleLayer]
    ingest: Ingest
    faults: dict[str, str]


@router.post("/feeds/{name}", response_model=Taken)
async def deliver(name: str, request: Request, state: StateHere) -> Taken | Response:
    """Take CloudEvents (structured, binary or batch), NDJSON of any length, or what the feed's file maps.

    The answer comes when everything is durable. Of NDJSON that is streamed it says how many `lines` were taken, also
    when something went wrong on the way.
    """
    intake, proven = state.intake, may_write_as(identity_of(request.scope).subject, name)
    if is_stream(intake.feed(name, proven=proven), request, proven=proven):
        return await take_stream(intake, name, request, proven=proven)
    intake.admit(name, proven=proven)
    body = await read_body(request.receive, state.settings.limits.body_bytes, request.scope["headers"])
    outcome = await intake.deliver(name, request.headers, body, proven=proven)
    answer = Taken.of(outcome)
    if answer.refused and not any((answer.accepted, answer.duplicate, answer.late, answer.ignored, answer.held)):
        raise BadInput(f"nothing was taken; the first of {answer.rejected}: {answer.refused[0].detail}")
    return answer


@router.get("/twin/feeds")
async def feeds(state: StateHere, response: Response, identity: IdentityHere) -> Feeds:
    """Say of every feed when it last spoke, how fast it goes, what was refused, and what is stale because of it.

    How many messages came, and when, is told to those with the duty `feeds` or `metrics`; what is wrong with a feed's
    file, or where it is fetched from, to those with `feeds`.
    """
    response.headers.update({"Cache-Control": "private, no-store", "Vary": "Authorization"})
    intake = state.intake
    health = await read_health(state.pool, intake.registry.by_name)
    return Feeds(
        feeds=[_health(feed, identity) for feed in health.feeds],
        stale=[StaleLayer(layer=layer, feeds=list(names)) for layer, names in sorted(health.stale.items())],
        ingest=Ingest.model_validate(health.ingest),
        faults=dict(intake.registry.faults) if _DUTY in identity.duties else {},
    )


def _health(feed: feed_health.FeedState, identity: Identity) -> FeedHealth:
    definition, connector, counts = feed.definition, None, not NUMBERS.isdisjoint(identity.duties)
    if feed.connector is not None:
        shown = asdict(feed.connector)
        private = {} if _DUTY in identity.duties else dict.fromkeys(("detail", "fault", "faulted_at"))
        connector = Connector(**(shown | private))
    described = {
        name: getattr(definition, name) for name in FeedHealth.model_fields if name in FeedDefinition.model_fields
    }
    counted = dict.fromkeys(_COUNTS, 0) | dict(feed.counters) if counts else {}
    counted = {name: value for name, value in counted.items() if name in FeedHealth.model_fields}
    return FeedHealth(
        **(counted | described),
        state=feed.life,
        silent=feed.life == "silent" or (feed.life == "never" and definition.expected_interval_s is not None),
        refused=dict(feed.refused) if counts else None,
        connector=connector,
    )
