"""`POST /feeds/{name}`: events, observations and positions in. `GET /twin/feeds`: how every feed does."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from layers.errors import BadInput, TooMuch
from server.state import State
from twin.feeds.definition import FeedDefinition
from twin.intake import Intake

router = APIRouter(tags=["feeds"])
_COUNTERS = "SELECT * FROM twin.feed"


class RefusedMessage(BaseModel):
    """One message that was not taken; it is kept with its reason."""

    index: int = Field(description="place in the body, from 0")
    reason: str
    detail: str


class Taken(BaseModel):
    """What became of a delivery; all that is counted as accepted or duplicate is durable."""

    received: int
    accepted: int
    duplicate: int
    late: int
    ignored: int
    rejected: int
    refused: list[RefusedMessage]


class FeedHealth(BaseModel):
    """A feed and how it does."""

    name: str
    title_zh: str
    title_en: str
    protocol: str
    supplies: tuple[str, ...]
    synthetic: bool
    received: int = 0
    accepted: int = 0
    duplicate: int = 0
    late: int = 0
    rejected: int = 0
    last_received_at: datetime | None = None
    last_phenomenon_time: datetime | None = None
    lag_s: float | None = None
    silent: bool = Field(description="three expected intervals without a message")


class Feeds(BaseModel):
    """All feeds, and the files that have a fault."""

    feeds: list[FeedHealth]
    faults: dict[str, str]


@router.post("/feeds/{name}")
async def deliver(name: str, request: Request) -> Taken:
    """Take CloudEvents (structured, binary or batch), NDJSON, or what the feed's file maps; answer when durable."""
    intake: Intake = request.app.state.intake
    body = await _read(request)
    receipt = await intake.deliver(name, request.headers, body)
    refused = [RefusedMessage(index=r.index, reason=r.reason, detail=r.detail) for r in receipt.refused]
    counts = (receipt.accepted, receipt.duplicate, receipt.late, receipt.ignored)
    if refused and not any(counts):
        raise BadInput(f"nothing was taken; the first of {len(refused)}: {refused[0].detail}")
    return Taken(
        received=receipt.received,
        accepted=receipt.accepted,
        duplicate=receipt.duplicate,
        late=receipt.late,
        ignored=receipt.ignored,
        rejected=len(refused),
        refused=refused[:100],
    )


async def _read(request: Request) -> bytes:
    state: State = request.app.state.shared
    limit_bytes = state.settings.limits.body_bytes
    chunks, size = [], 0
    async for chunk in request.stream():
        chunks.append(chunk)
        size += len(chunk)
        if size > limit_bytes:
            raise TooMuch(f"the body has more than {limit_bytes} bytes, which is the most that is read")
    return b"".join(chunks)


@router.get("/twin/feeds")
async def feeds(request: Request) -> Feeds:
    """Say of every feed when it last spoke, what was taken and what was refused."""
    intake: Intake = request.app.state.intake
    state: State = request.app.state.shared
    counters = {row["name"]: dict(row) for row in await state.pool.fetch(_COUNTERS)}
    known = [_health(feed, counters.get(feed.name, {})) for feed in intake.registry.feeds.values()]
    return Feeds(feeds=known, faults=dict(intake.registry.faults))


def _health(feed: FeedDefinition, counters: dict[str, Any]) -> FeedHealth:
    last = counters.get("last_received_at")
    age_s = (datetime.now(UTC) - last).total_seconds() if last else None
    expected_s = feed.expected_interval_s
    silent = expected_s is not None and (age_s is None or age_s > 3 * expected_s)
    said = {name: getattr(feed, name) for name in ("name", "title_zh", "title_en", "protocol", "supplies", "synthetic")}
    return FeedHealth(**{**counters, **said}, silent=silent)
