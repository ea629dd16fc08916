"""`/health`: whether this worker serves; versions, counts and faults are for those who watch the service."""

from __future__ import annotations

import asyncio
from importlib.metadata import version
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from layers.database.admission import CALLER
from layers.database.identity import read_version
from layers.errors import Unavailable
from server.build import build_id
from server.dependencies import IdentityHere, StateHere
from server.http.troubles import lack_of_room, refusal
from server.state import State
from twin.jobs.leader import ingest_works

router = APIRouter(tags=["health"])
ANSWER_SECONDS_MAX = 3.0
_SHOWN = ("pygeoapi", "fastapi", "asyncpg", "shapely")


class Health(BaseModel):
    """What a serving worker says of itself; a caller without the duty 'metrics' reads the first two."""

    status: str = Field(description="ok; degraded when the map is served and something in `troubles` is wrong")
    ingest: bool = Field(description="whether an ingest process works: connectors, rules and what else is done once")
    version: str | None = None
    versions: dict[str, str] | None = None
    layers: dict[str, int] | None = Field(default=None, description="features by layer that the caller may see")
    troubles: list[str] | None = Field(
        default=None, description="what somebody must look at: a disk that fills, a damaged database, a refused policy"
    )


@router.get("/health", response_model_exclude_none=True)
async def health(state: StateHere, identity: IdentityHere) -> Health:
    """Answer 200 once layers are served, 503 while there are none or the database is away or does not answer."""
    current = state.catalog.current
    if not state.catalog.trusted:
        raise Unavailable("the database is away; this worker waits for it")
    if not current:
        raise Unavailable("no layer is loaded yet")
    try:
        async with asyncio.timeout(ANSWER_SECONDS_MAX):
            postgis, ingest = await _database(state)
    except TimeoutError as error:
        raise Unavailable(f"the database did not answer within {ANSWER_SECONDS_MAX:.0f} s") from error
    troubles = [
        *state.troubles.damage(ingest.get("damage", ())),
        *lack_of_room(state.settings.home, state.settings.server.disk_free_min_mib),
        *refusal(state.policy),
    ]
    status = "degraded" if troubles else "ok"
    if "metrics" not in identity.duties:
        return Health(status=status, ingest=ingest["working"])
    return Health(
        status=status,
        ingest=ingest["working"],
        version=build_id(),
        versions={"postgis": postgis, **{name: version(name) for name in _SHOWN}},
        layers={layer.id: layer.row_count for layer in current.visible_layers(identity.actor)},
        troubles=troubles,
    )


async def _database(state: State) -> tuple[str, dict[str, Any]]:
    CALLER.set(None)  # the check is no work of the caller
    async with state.lookups.acquire() as connection:
        return await read_version(connection), await ingest_works(connection)
