"""A benchmark of several parts over the demo: its options, its database, and its parts one after the other."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvloop

from benchmarks.machine import describe_machine, new_home
from benchmarks.results import Figure, benchmark_parser, report
from layers.cluster import PrivateCluster
from layers.demo.load import load_demo
from server.database import prepare
from server.installation import PROJECT


@dataclass(frozen=True, slots=True)
class PartsRun:
    """What a run measures.

    Attributes
    ----------
    url, home
        The database, which is filled, and a folder to work in.
    parts
        Names of the parts.
    share
        Of the requests.
    """

    url: str
    home: Path
    parts: Sequence[str]
    share: float

    async def in_turn(self, part: Callable[[str], Awaitable[list[Figure]]]) -> list[Figure]:
        """Return the figures of all parts, measured one after the other."""
        rows = []
        for name in self.parts:
            print(f"→ {name}", flush=True)
            rows += await part(name)
        return rows


async def fill_with_demo(url: str, scale: float) -> None:
    """Make a database with the demo."""
    await prepare(url)
    print(f"→ making the demo at scale {scale:g}", flush=True)
    await load_demo(url, scale=scale)


def run_parts(
    name: str,
    about: str | None,
    parts: Iterable[str],
    measure: Callable[[PartsRun], Coroutine[Any, Any, list[Figure]]],
    arguments: Sequence[str] | None = None,
    fill: Callable[[str, float], Coroutine[Any, Any, None]] = fill_with_demo,
) -> int:
    """Measure, print, write; return the exit code.

    Parameters
    ----------
    about
        The docstring of the benchmark.
    fill
        Makes the database at a scale.
    """
    known = list(parts)
    parser = benchmark_parser(name, about)
    parser.add_argument("--only", choices=known, help="one part (all)")
    parser.add_argument("--scale", type=float, default=0.1, help="of what it measures on (0.1)")
    parser.add_argument("--share", type=float, default=1.0, help="of the requests (1)")
    parser.add_argument("--home", type=Path, default=PROJECT / ".onemap" / "bench", help="folder to work in")
    parser.add_argument("--reuse", action="store_true", help="the database that a run before filled there")
    options = parser.parse_args(arguments)
    home = options.home.absolute() / name
    if options.reuse and not home.exists():
        parser.error(f"--reuse: no run has filled {home} yet; leave the option out once")
    if not options.reuse:
        new_home(home)
    chosen = [options.only] if options.only else known
    with PrivateCluster(home) as url:
        # A home that is used again may be of an older version: its functions and tables are brought up to date.
        asyncio.run(prepare(url) if options.reuse else fill(url, options.scale))
        rows = uvloop.run(measure(PartsRun(url, home, chosen, options.share)))
    return report(rows, [describe_machine(), f"demo at scale {options.scale:g}"], options)
