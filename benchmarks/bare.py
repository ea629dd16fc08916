"""The usual vector tile route, as short as possible: one statement, every column, no cache. The baseline."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from benchmarks.servers import Command
from benchmarks.tables import PEERS_SCHEMA, TABLES

_TILE = """
SELECT ST_AsMVT(t.*, '{table}', 4096, 'geom') FROM (
    SELECT ST_AsMVTGeom(ST_Transform(r.geom, 3857), ST_TileEnvelope($1, $2, $3), 4096, 64) AS geom, {columns}
    FROM {schema}.{table} AS r
    WHERE r.geom && ST_Transform(ST_TileEnvelope($1, $2, $3, margin => 0.015625), 4326)
) AS t
"""


def command(url: str, port: int) -> Command:
    """Return the command of the server, with as many workers as the others and the same event loop."""
    served = ("-m", "uvicorn", "benchmarks.bare:app", "--port", str(port), "--workers", "2", "--loop", "uvloop")
    quiet = ("--http", "httptools", "--no-access-log", "--log-level", "warning")
    return Command((sys.executable, *served, *quiet), {"BARE_URL": url, "PYTHONPATH": os.getcwd()}, "/ready")  # noqa: PTH109


async def _tile(request: Request) -> Response:
    table = next(t for t in TABLES if t.layer_id == request.path_params["table"])
    columns = ", ".join(f"r.{name}" for name in ("id", *table.fields))
    text = _TILE.format(table=table.layer_id, columns=columns, schema=PEERS_SCHEMA)
    z, x, y = (request.path_params[name] for name in "zxy")
    body: bytes = await request.app.state.pool.fetchval(text, z, x, y)
    return Response(body, media_type="application/vnd.mapbox-vector-tile")


async def _ready(_request: Request) -> Response:
    return Response(b"")


@asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    async with asyncpg.create_pool(os.environ["BARE_URL"], min_size=4, max_size=4) as pool:
        app.state.pool = pool
        yield


app = Starlette(routes=[Route("/ready", _ready), Route("/{table}/{z:int}/{x:int}/{y:int}", _tile)], lifespan=_lifespan)
