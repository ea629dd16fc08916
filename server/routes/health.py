"""`/health`: is this worker serving, with which versions, how much."""

from __future__ import annotations

from importlib.metadata import version

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from layers.actor import ANONYMOUS
from layers.errors import Unavailable
from server.build import build_id
from server.state import State
from twin.leader import ingest_works

router = APIRouter(tags=["health"])


class Health(BaseModel):
    """What a serving worker says of itself; counts are those of layers that the public may see."""

    status: str
    version: str
    versions: dict[str, str]
    layers: dict[str, int]
    ingest: bool = Field(description="whether an ingest process works: connectors, rules and what else is done once")


@router.get("/health")
async def health(request: Request) -> Health:
    """Answer 200 once layers are served, 503 while there are none or the database is away."""
    state: State = request.app.state.shared
    current = state.catalog.current
    if not state.catalog.trusted:
        raise Unavailable("the database is away; this worker waits for it")
    if not current:
        raise Unavailable("no layer is loaded yet")
    postgis = await state.pool.fetchval(
        "SELECT postgis_lib_version() || ' / PostgreSQL ' || current_setting('server_version')"
    )
    versions = {"postgis": postgis, **{name: version(name) for name in ("pygeoapi", "fastapi", "asyncpg", "shapely")}}
    counts = {name: current[name].row_count for name in current.visible_ids(ANONYMOUS)}
    ingest = (await ingest_works(state.pool))["working"]
    return Health(status="ok", version=build_id(), versions=versions, layers=counts, ingest=ingest)
