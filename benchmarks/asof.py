"""Items as of a moment beside the same items now, on a day of ten million positions and observations.

Run it with `./onemap bench asof`. What is measured is the statement behind an answer, the dearest part of it: a page in
the order of ids, a box, a filter and a sort, of things that move, of stations, of events and of areas.
"""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import asyncpg

from benchmarks.live.day import fill_day
from benchmarks.machine import describe_machine, new_home
from benchmarks.results import Figure, benchmark_parser, no_slower, report
from layers.actor import OPERATOR
from layers.catalog import Catalog, read_catalog
from layers.clause import EMPTY, Clause
from layers.cluster import PrivateCluster
from layers.coordinates.crs import CRS84
from layers.cql2 import compile_bbox, compile_property, parse_bbox, queryables_of
from layers.database.connection import Role, connect, create_pool
from layers.demo.load import load_demo
from layers.moment import BASES, Moment
from layers.read.query import ItemsQuery, page
from layers.read.sort_keys import sort_keys, sortable_fields
from layers.schema.migrate import migrate
from layers.schema.tables import sync_definitions
from server.installation import PROJECT

_GOAL = 2.0
_REPEATS = 15
_AGO = timedelta(hours=9)

_BOX = "113.33,23.12,113.36,23.15"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, write; return the exit code."""
    parser = benchmark_parser("asof", __doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="of the demo (1)")
    parser.add_argument("--rows", type=int, default=10_000_000, help="of history in the day (10,000,000)")
    parser.add_argument("--home", type=Path, default=PROJECT / ".onemap" / "bench", help="folder to work in")
    options = parser.parse_args(arguments)
    rows = measure(options.home.absolute() / "asof", options.scale, options.rows)
    return report(rows, [describe_machine()], options)


def measure(home: Path, scale: float, rows: int) -> list[Figure]:
    """Measure with a new database."""
    new_home(home)
    with PrivateCluster(home, durable=False) as url:
        return asyncio.run(_measure(url, scale, rows))


async def _measure(url: str, scale: float, rows: int) -> list[Figure]:
    await migrate(url)
    await sync_definitions(url)
    print(f"→ making the demo at scale {scale:g}", flush=True)
    await load_demo(url, scale=scale)
    print(f"→ making a day of {rows:,} rows", flush=True)
    connection = await connect(url)
    try:
        now = await fill_day(connection, rows)
        catalog = await read_catalog(connection)
    finally:
        await connection.close()
    kept = await create_pool(url, Role.READ, size=1, statement_timeout_ms=60_000, plans="generic")
    fresh = await create_pool(url, Role.READ, size=1, statement_timeout_ms=60_000)
    try:
        async with fresh.acquire() as present, kept.acquire() as past:
            return [await _compare(present, past, *case, now - _AGO) for case in _cases(catalog)]
    finally:
        await fresh.close()
        await kept.close()


def _cases(catalog: Catalog) -> Iterator[tuple[str, ItemsQuery]]:
    for name in ("vehicles", "grid_workers", "video_points", "events", "grids", "water_level_stations", "buildings"):
        layer = catalog[name]
        found = queryables_of(layer.definition, OPERATOR)
        box = compile_bbox(parse_bbox(_BOX, CRS84), found["geom"])
        yield f"{name} limit=100", _query(layer.id, catalog)
        yield f"{name} bbox limit=100", _query(layer.id, catalog, box)
    vehicles = queryables_of(catalog["vehicles"].definition, OPERATOR)
    yield (
        "vehicles of a kind",
        _query("vehicles", catalog, compile_property("vehicle_kind", "bus", vehicles["vehicle_kind"])),
    )
    yield "vehicles sortby=-speed_kmh", _query("vehicles", catalog, sortby="-speed_kmh")
    cameras = queryables_of(catalog["video_points"].definition, OPERATOR)
    offline = compile_property("online_status", "offline", cameras["online_status"])
    yield "video_points online_status=offline", _query("video_points", catalog, offline)


def _query(layer_id: str, catalog: Catalog, where: Clause = EMPTY, sortby: str = "") -> ItemsQuery:
    layer = catalog[layer_id]
    sort = sort_keys(sortby, sortable_fields(layer, OPERATOR)) if sortby else ()
    return ItemsQuery(layer, OPERATOR, where=where, sort=sort, limit=100)


async def _compare(
    present: asyncpg.Connection, past: asyncpg.Connection, name: str, query: ItemsQuery, at: datetime
) -> Figure:
    """Measure a query now and as of a moment in turns, on both bases; the row holds the more expensive basis.

    As in the server, queries that read history use a generic plan, and all others a plan for their values. The
    measure is PostgreSQL's computing time, which does not depend on other load on the machine.
    """
    layers = [query.layer, *(query.layer.as_of(Moment(at, basis)) for basis in BASES)]
    queries = [ItemsQuery(layer, OPERATOR, query.where, sort=query.sort, limit=query.limit) for layer in layers]
    then = past if query.layer.definition.is_live else present
    connections = [present, then, then]
    taken: list[list[float]] = [[] for _ in layers]
    for _ in range(_REPEATS):
        for times, connection, one in zip(taken, connections, queries, strict=True):
            text, values = page(one).render()
            pid = connection.get_server_pid()
            began = _used_s(pid)
            await connection.fetchrow(text, *values)
            times.append(_used_s(pid) - began)
    now, *before = (statistics.median(times) for times in taken)
    return no_slower(name, 1 / max(before), 1 / now, _GOAL)


def _used_s(pid: int) -> float:
    """Return the processor time of a process in seconds."""
    return int(Path(f"/proc/{pid}/schedstat").read_text(encoding="ascii").split()[0]) / 1e9


if __name__ == "__main__":
    raise SystemExit(main())
