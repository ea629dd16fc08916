"""`/twin/exercises`: exercises and tests that feeds sent, for operators; no other route shows them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, Field

from layers.database.connection import in_our_words
from server.dependencies import StateHere, require_duty
from server.identity.identity import Identity
from twin.store.events.exercises import counted, kept

router = APIRouter(prefix="/twin", tags=["feeds"])
_Guarded = Annotated[Identity, Depends(require_duty("feeds"))]
LIMIT_MAX = 1000


class ExerciseMessage(BaseModel):
    """A message of an exercise or a test."""

    id: int
    feed: str
    mode: str
    kind: str
    layer: str
    feature_id: str
    chain: str | None = Field(description="of a warning: the identifier of its first message")
    phenomenon_time: datetime
    received_at: datetime
    message: dict[str, Any] = Field(description="a CloudEvent in CRS84")


class Exercises(BaseModel):
    """A page of messages, the newest first, and how many every feed sent."""

    messages: list[ExerciseMessage]
    next: int | None = Field(description="`before` of the next page")
    counts: list[dict[str, Any]]


@router.get("/exercises", summary="演练与测试 Exercises and tests")
async def exercises(
    state: StateHere,
    response: Response,
    _: _Guarded,
    feed: Annotated[str | None, Query(max_length=63)] = None,
    chain: Annotated[str | None, Query(max_length=200)] = None,
    before: Annotated[int | None, Query(ge=0, le=2**62)] = None,
    limit: Annotated[int, Query(ge=1, le=LIMIT_MAX)] = 100,
) -> Exercises:
    """List messages of exercises and tests; of one feed or one warning if asked."""
    response.headers["Cache-Control"] = "no-store"
    with in_our_words():
        async with state.pool.acquire() as connection:
            found = await kept(connection, feed=feed, chain=chain, before=before, limit=limit)
            counts = await counted(connection)
    following = found[-1]["id"] if len(found) == limit else None
    return Exercises(messages=[ExerciseMessage(**one) for one in found], next=following, counts=counts)
