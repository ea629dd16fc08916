"""`POST /twin/patrol`: where a worker is on patrol, sent with consent, in the own name."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from layers.audit.record import AuditAction
from layers.database.connection import in_our_words
from layers.errors import Forbidden
from server.dependencies import IdentityHere, StateHere
from server.feeds.outcome import Taken
from server.routes.answers.parameters import moment_of
from server.routes.workers.reports import CrsOfPlace
from twin.envelope.message import Reading
from twin.intake.phones import FEED, PatrolPosition, patrol_messages
from twin.services.reporting import own_worker
from twin.surroundings.spot import read_spot

router = APIRouter(prefix="/twin", tags=["twin"])
_WORKERS = "grid_workers"
POSITIONS_MAX = 500


class Position(BaseModel):
    """A place on the way."""

    model_config = ConfigDict(extra="forbid")

    lon: float = Field(examples=[113.3316634])
    lat: float = Field(examples=[23.1395597])
    at: str = Field(max_length=40, description="when the phone was there")
    accuracy_m: float | None = Field(default=None, ge=0, le=1e6)
    speed_kmh: float | None = Field(default=None, ge=0, le=1200)
    heading_deg: float | None = Field(default=None, ge=0, le=360)


class PatrolTrack(BaseModel):
    """Places since the last ones that were sent."""

    model_config = ConfigDict(extra="forbid")

    consent: Literal[True] = Field(description="本人同意上传位置 that the worker agrees to send where he is")
    crs: CrsOfPlace = "OGC:CRS84"
    positions: Annotated[list[Position], Field(min_length=1, max_length=POSITIONS_MAX)]


@router.post("/patrol", summary="巡查轨迹 Positions on patrol")
async def patrol(track: PatrolTrack, request: Request, state: StateHere, identity: IdentityHere) -> Taken:
    """Take positions of the worker who is logged in, as messages of the feed `grid_phones`; sent twice they count once.

    Nobody sends another's, and none is kept without consent: what is not sent is not known.
    """
    now = datetime.now(UTC)
    places = [_place(one, track.crs) for one in track.positions]
    with in_our_words():
        async with state.pool.acquire() as connection:
            workers = state.catalog.current.get(_WORKERS)
            worker = workers and await own_worker(connection, workers, identity.actor)
    if identity.is_anonymous or not worker:
        raise Forbidden("本账户不能上报位置 this account is no worker who may report where he is (worker_id)")
    await state.audit.note(
        AuditAction.WRITE, f"{_WORKERS}/{worker}", scope=request.scope, detail={"positions": len(places)}
    )
    return Taken.of(await state.intake.take_read(FEED, Reading(patrol_messages(worker, places, now))))


def _place(one: Position, crs: str) -> PatrolPosition:
    spot = read_spot(one.lon, one.lat, crs)
    at = moment_of(one.at)
    return PatrolPosition((spot.lon, spot.lat), at, one.accuracy_m, one.speed_kmh, one.heading_deg)
