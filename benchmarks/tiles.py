"""Vector tiles: we, TiPg and a bare `ST_AsMVT` route on the same tables, drawn and from the cache.

Run it with `./onemap bench tiles` or `python -m benchmarks.tiles`.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import mapbox_vector_tile  # type: ignore[import-untyped]

from benchmarks import bare, freshness, peers, raster
from benchmarks.contest.contestant import OURS, Contestant, turns
from benchmarks.load import load, require_wrk, warm_up
from benchmarks.machine import describe_database, describe_machine, describe_versions
from benchmarks.results import Figure, at_least, at_most, benchmark_parser, faster, report
from benchmarks.servers import WORKERS, free_port, get, running, running_ours
from benchmarks.tables import EAST, NORTH, SOUTH, WEST, make_tables
from layers.cluster import PrivateCluster
from server.installation import PROJECT
from tiles.address import TileAddress

HOME = PROJECT / ".onemap" / "bench"
_BYTES_MAX = 500_000
_FEW = 2  # connections: more would request one tile at once, which we draw once and others draw often
_WARM_GOAL, _KNOWN_GOAL = 4_000, 6_000  # requests a second of each worker
_NO_CACHE = {"memory_mib": 0, "disk_mib": 0}


@dataclass(frozen=True, slots=True)
class TileCase:
    """Random tiles of a table at a zoom, drawn for each request; `goal` is the ratio of our rate to TiPg's."""

    name: str
    table: str
    zoom: int
    goal: float

    @property
    def title(self) -> str:
        """The title of its row."""
        return f"{self.table} z{self.zoom}, drawn"


CASES = (
    TileCase("z12", "bench_points", 12, 20),
    TileCase("z14", "bench_points", 14, 2),
    TileCase("z16", "bench_points", 16, 2.5),
    TileCase("buildings", "bench_buildings", 14, 2),
)
OTHERS = ("warm", "crowd", "fresh", "raster")


type TileContestant = Contestant[[str, int, int, int]]  # table, z, x, y


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, write; return the exit code."""
    options = _options(arguments)
    require_wrk()
    options.home.mkdir(parents=True, exist_ok=True)
    selected = set(options.cases.split(",")) - {""} or {*(case.name for case in CASES), *OTHERS}
    rows: list[Figure] = []
    with PrivateCluster(options.home / f"tiles-{options.scale:g}") as url:
        print("→ tables", flush=True)
        asyncio.run(make_tables(url, options.scale))
        cases = [case for case in CASES if case.name in selected]
        if cases:
            rows += _measure_drawn(url, options, cases)
        if "warm" in selected:
            rows += _measure_warm(url, options)
        if "crowd" in selected:
            rows += freshness.crowd(url, options.home)
        if "fresh" in selected:
            rows += freshness.fresh(url, options.home, options.seconds)
        if "raster" in selected:
            rows += raster.measure(url, options)
        notes = [describe_machine(), describe_versions(), asyncio.run(describe_database(url)), *_NOTES]
    return report(rows, notes, options)


_NOTES = [
    f"{WORKERS} workers each, the same Unix socket; drawn: our cache switched off, wrk with {_FEW} connections",
    "ours carry the fields the style needs and count points in cells below zoom 14; the others carry every column",
]


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = benchmark_parser("tiles", __doc__)
    known = [*(case.name for case in CASES), *OTHERS]
    parser.add_argument("--seconds", type=float, default=9, help="of load for each case and server, all rounds (9)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of which the median counts (3)")
    parser.add_argument("--peers", default="tipg,bare,titiler", help="whom to compare with; empty for nobody")
    parser.add_argument("--cases", default="", help=f"which of {','.join(known)} (all)")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the rows, for trials (1)")
    parser.add_argument("--home", type=Path, default=HOME, help="folder of databases and environments (.onemap/bench)")
    options = parser.parse_args(arguments)
    unknown = set(options.cases.split(",")) - {"", *known}
    if unknown:
        parser.error(f"--cases: there is no {', '.join(sorted(unknown))}; allowed are {','.join(known)}")
    options.home = options.home.absolute()
    return options


def _contestants(url: str, options: argparse.Namespace) -> list[TileContestant]:
    """Install the named peers; return our server and them."""
    home, names = options.home, options.peers.split(",")
    found: list[TileContestant] = [
        Contestant(OURS, lambda: running_ours(url, home, tiles=_NO_CACHE), "/tiles/{}/{}/{}/{}.mvt".format)
    ]
    if "tipg" in names:
        peers.install(peers.TIPG, home)

        def tipg() -> AbstractContextManager[str]:
            port = free_port()
            return running(peers.command(peers.TIPG, url, home, port), port, home / "tipg.log")

        found.append(Contestant("tipg", tipg, "/collections/peers.{}/tiles/WebMercatorQuad/{}/{}/{}".format))
    if "bare" in names:

        def route() -> AbstractContextManager[str]:
            port = free_port()
            return running(bare.command(url, port), port, home / "bare.log")

        found.append(Contestant("bare", route, "/{}/{}/{}/{}".format))
    return found


def tiles_at(zoom: int) -> list[tuple[int, int]]:
    """Return columns and rows of the tiles that lie within the tables' extent; at low zooms those that meet it."""
    found = []
    west, south, east, north = WEST, SOUTH, EAST, NORTH
    for x in range(1 << zoom) if zoom < 9 else _span(zoom, west, east):
        for y in range((1 << zoom) // 2):
            left, bottom, right, top = TileAddress(zoom, x, y).box()
            if right > west and left < east and top > south and bottom < north:
                found.append((x, y))
    return found


def _span(zoom: int, west: float, east: float) -> range:
    return range(int((west + 180) / 360 * (1 << zoom)), int((east + 180) / 360 * (1 << zoom)) + 1)


def _measure_drawn(url: str, options: argparse.Namespace, cases: Sequence[TileCase]) -> list[Figure]:
    taking_part = _contestants(url, options)
    rates: dict[tuple[str, str], list[float]] = {}
    largest = dict.fromkeys((case.name for case in cases), 0)
    for contestant in turns(taking_part, options.rounds):
        with contestant.start() as address:
            for case in cases:
                paths = [contestant.path(case.table, case.zoom, x, y) for x, y in tiles_at(case.zoom)]
                if contestant.name == OURS:
                    largest[case.name] = max(_checked_bytes(address, path, case.table) for path in paths[:20])
                seconds = options.seconds / options.rounds
                expected = warm_up(address, paths, min(1, seconds / 2))
                run = load(address, paths, seconds, options.home, expected, connections=_FEW)
                rates.setdefault((contestant.name, case.name), []).append(run.rate)
                print(f"  {case.title:40} {run.rate:9.1f} req/s  p50 {run.p50_ms:8.1f} ms", flush=True)
    rows = []
    for case in cases:
        ours = median(rates[OURS, case.name])
        for name, goal in (("tipg", case.goal), ("bare", None)):
            if (name, case.name) in rates:
                rows.append(faster(f"{case.title}, × {name}", ours, median(rates[name, case.name]), goal))
        if len(taking_part) == 1:
            rows.append(at_least(case.title, "req/s", ours, None))
        rows.append(at_most(f"{case.title}, largest of 20 tiles", "kB", largest[case.name] / 1000, _BYTES_MAX / 1000))
    return rows


def _checked_bytes(address: str, path: str, table: str) -> int:
    """Return the size of a tile, which must hold features of the table or be empty."""
    body = get(address + path)
    if body and not mapbox_vector_tile.decode(body)[table]["features"]:
        raise RuntimeError(f"{path} holds nothing")
    return len(body)


def _measure_warm(url: str, options: argparse.Namespace) -> list[Figure]:
    paths = [f"/tiles/bench_points/14/{x}/{y}.mvt" for x, y in tiles_at(14)]
    with running_ours(url, options.home) as address:
        for path in paths * 8:  # until both workers hold every tile
            get(address + path)
        expected = warm_up(address, paths, 1)
        gzip = {"Accept-Encoding": "gzip"}
        warm = load(address, paths, options.seconds, options.home, expected, headers=gzip).rate
        known = {"If-None-Match": _etag(address, paths[0]), **gzip}
        unchanged = load(address, paths[:1], options.seconds, options.home, expected, headers=known).rate
    return [
        at_least("warm tile, each worker", "req/s", warm / WORKERS, _WARM_GOAL),
        at_least("304, each worker", "req/s", unchanged / WORKERS, _KNOWN_GOAL),
    ]


def _etag(address: str, path: str) -> str:
    return freshness.ask(address, path)[1]


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # one way to stop, which stops the servers too
    sys.exit(main())
