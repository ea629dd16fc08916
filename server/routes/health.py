"""`/health`: whether this worker serves, with its versions and counts."""

from __future__ import annotations

import asyncio
from importlib.metadata import version
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from layers.actor import ANONYMOUS
from layers.database.admission import CALLER
from layers.database.identity import read_version
from layers.errors import Unavailable
from server.build import build_id
from server.dependencies import StateHere
from server.http.troubles import lack_of_room
from server.state import State
from twin.jobs.leader import ingest_works

router = APIRouter(tags=["health"])
ANSWER_SECONDS_MAX = 3.0


class Health(BaseModel):
    """What a serving worker says of itself; counts are those of layers that the public may see."""

    status: str = Field(description="ok; degraded when the map is served and something in `troubles` is wrong")
    version: str
    versions: dict[str, str]
    layers: dict[str, int]
    ingest: bool = Field(description="whether an ingest process works: connectors, rules and what else is done once")
    troubles: list[str] = Field(description="what somebody must look at: a disk that fills, a damaged database")


@router.get("/health")
async def health(state: StateHere) -> Health:
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
    versions = {"postgis": postgis, **{name: version(name) for name in ("pygeoapi", "fastapi", "asyncpg", "shapely")}}
    counts = {layer.id: layer.row_count for layer in current.visible_layers(ANONYMOUS)}
    troubles = state.troubles.damage(ingest.get("damage", ())) + lack_of_room(
        state.settings.home, state.settings.server.disk_free_min_mib
    )
    return Health(
        status="degraded" if troubles else "ok",
        version=build_id(),
        versions=versions,
        layers=counts,
        ingest=ingest["working"],
        troubles=troubles,
    )


async def _database(state: State) -> tuple[str, dict[str, Any]]:
    CALLER.set(None)  # the check is no work of the caller
    async with state.lookups.acquire() as connection:
        return await read_version(connection), await ingest_works(connection)
