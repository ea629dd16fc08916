"""OGC API Features: we, stock pygeoapi and TiPg on the same tables; and loading.

Run it with `./onemap bench features` or `python -m benchmarks.features`.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks import loading, peers
from benchmarks.cases import FeatureCase, all_cases
from benchmarks.contest.contest import FIRST_PAGE, PAGE_190, Measurements, contest, contestants, follow_next
from benchmarks.load import CONNECTIONS, require_wrk
from benchmarks.machine import describe_database, describe_machine, describe_versions
from benchmarks.results import Figure, benchmark_parser, faster, no_slower, report
from benchmarks.servers import WORKERS
from benchmarks.tables import make_tables
from layers.cluster import PrivateCluster
from server.installation import PROJECT

HOME = PROJECT / ".onemap" / "bench"
_ROUNDS = 3
_PAGE, _PAGE_GOAL = 190, 1.5


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, write; return the exit code."""
    options = _options(arguments)
    options.home.mkdir(parents=True, exist_ok=True)
    rows, notes = [], [describe_machine(), describe_versions()]
    selected = {name for name in options.cases.split(",") if name}
    if not selected or selected - set(loading.CASES):
        served, remarks = serve(options, selected)
        rows += served
        notes += remarks
    if not selected or selected & set(loading.CASES):
        rows += loading.measure(options.home, sorted(selected & set(loading.CASES)) or loading.CASES, options.scale)
    return report(rows, notes, options)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = benchmark_parser("features", __doc__)
    known = ",".join(dict.fromkeys([*(case.name for case in all_cases()), "page190", *loading.CASES]))
    parser.add_argument(
        "--seconds", type=float, default=10, help="of load for each case and server, in three rounds (10)"
    )
    parser.add_argument("--peers", default="pygeoapi,tipg", help="whom to compare with; empty for nobody")
    parser.add_argument("--cases", default="", help=f"which of {known} (all that have a goal)")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the rows, for trials (1)")
    parser.add_argument("--rounds", type=int, default=_ROUNDS, help="rounds of which the median counts (3)")
    parser.add_argument("--home", type=Path, default=HOME, help="folder of databases and environments (.onemap/bench)")
    options = parser.parse_args(arguments)
    for option, given, allowed in (("cases", options.cases, known), ("peers", options.peers, ",".join(peers.PEERS))):
        unknown = {name for name in given.split(",") if name} - set(allowed.split(","))
        if unknown:
            parser.error(f"--{option}: there is no {', '.join(sorted(unknown))}; allowed are {allowed}")
    if options.scale <= 0 or options.seconds <= 0 or options.rounds < 1:
        parser.error("--scale, --seconds and --rounds must be positive")
    options.home = options.home.absolute()
    return options


def serve(options: argparse.Namespace, selected: set[str]) -> tuple[list[Figure], list[str]]:
    """Measure what is served; return the rows and what to say under them."""
    require_wrk()
    names = [name for name in options.peers.split(",") if name]
    cases = [case for case in all_cases(options.scale) if (case.name in selected if selected else case.promised)]
    with PrivateCluster(options.home / f"features-{options.scale:g}") as url:
        print("→ tables", flush=True)
        asyncio.run(make_tables(url, options.scale))
        taking_part = contestants(url, options.home, names)
        measured = contest(url, options.home, taking_part, cases, options.seconds, options.rounds)
        if not selected or "page190" in selected:
            pages = max(2, round(_PAGE * options.scale))
            follow_next(options.home, taking_part[0], measured, options.seconds, options.rounds, pages=pages)
        notes = [asyncio.run(describe_database(url)), *_notes(names, options)]
    return _rows(cases, names, measured), notes


def _rows(cases: Sequence[FeatureCase], names: Sequence[str], measured: Measurements) -> list[Figure]:
    rows = [
        faster(f"{case.title}, × {name}", measured.rate("ours", case.title), measured.rate(name, case.title), goal)
        for case in cases
        for name, goal in case.goals.items()
        if name in names
    ]
    if not names:
        rows = [Figure(case.title, "req/s", round(measured.rate("ours", case.title), 1), *[None] * 4) for case in cases]
    if ("ours", PAGE_190) in measured.runs:
        late, first = measured.rate("ours", PAGE_190), measured.rate("ours", FIRST_PAGE)
        rows.append(no_slower(f"{PAGE_190}, × our first page", late, first, _PAGE_GOAL))
    return rows


def _notes(names: Sequence[str], options: argparse.Namespace) -> list[str]:
    found = [f"{name} {peers.installed_version(peers.PEERS[name], options.home)}" for name in names]
    return [
        f"peers: {', '.join(found) or 'none'}; {WORKERS} workers each, uvloop and httptools, the same Unix socket",
        "numberMatched exact everywhere; peers read copies of our tables in EPSG:4326 (ours: EPSG:4490)",
        f"load: wrk, {CONNECTIONS} connections, {options.seconds:g} s each, median of {options.rounds} rounds",
        "one server at a time; answers checked against the database before each measurement",
    ]


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # one way to stop, which stops the servers too
    sys.exit(main())
