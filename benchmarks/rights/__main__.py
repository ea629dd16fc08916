"""What rights and the audit cost: the same reads with them and without, in one process, by turns.

Run it with `./onemap bench rights`; `--only audit` runs one part. What a part measures stands in its module.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from benchmarks.machine import describe_machine, new_home
from benchmarks.results import Figure, benchmark_parser, report
from benchmarks.rights import audit, crowd, roles
from benchmarks.tables import make_tables
from layers.cluster import PrivateCluster
from layers.demo.load import load_demo
from server.database import prepare
from server.installation import PROJECT

type RightsPart = Callable[[str, Path, float], Awaitable[list[Figure]]]
PARTS: dict[str, RightsPart] = {"audit": audit.measure, "crowd": crowd.measure, "roles": roles.measure}
"""A new part is one module and one line here."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, write; return the exit code."""
    parser = benchmark_parser("rights", __doc__)
    parser.add_argument("--only", choices=PARTS, help="one part (all)")
    parser.add_argument("--scale", type=float, default=0.1, help="of the demo and the tables of `bench features` (0.1)")
    parser.add_argument("--share", type=float, default=1.0, help="of the requests of a round (1)")
    parser.add_argument("--home", type=Path, default=PROJECT / ".onemap" / "bench", help="folder to work in")
    options = parser.parse_args(arguments)
    chosen = [options.only] if options.only else list(PARTS)
    home = options.home.absolute() / "rights"
    new_home(home)
    with PrivateCluster(home) as url:
        rows = asyncio.run(_measure(url, home, chosen, options.scale, options.share))
    return report(rows, [describe_machine()], options)


async def _measure(url: str, home: Path, parts: Sequence[str], scale: float, share: float) -> list[Figure]:
    await asyncio.to_thread(asyncio.run, _fill(url, scale))
    rows = []
    for name in parts:
        print(f"→ {name}", flush=True)
        rows += await PARTS[name](url, home / name, share)
    return rows


async def _fill(url: str, scale: float) -> None:
    await prepare(url)
    print(f"→ making the demo at scale {scale:g}", flush=True)
    await load_demo(url, scale=scale)
    await make_tables(url, scale)


if __name__ == "__main__":
    sys.exit(main())
