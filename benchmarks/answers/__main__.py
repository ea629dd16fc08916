"""How fast questions are answered on the demo: each part asks its operations, one request after the other.

Run it with `./onemap bench answers`; `--only travel` runs one part, `--scale 1` is the size of the goals.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from benchmarks.answers import columns, history, sight, travel
from benchmarks.answers.asking import ASKER
from benchmarks.machine import describe_machine, new_home
from benchmarks.results import Figure, benchmark_parser, report
from benchmarks.rights.callers import UNAPPROVED, InProcess
from benchmarks.servers import UNLIMITED
from layers.actor import OPERATOR
from layers.cluster import PrivateCluster
from layers.demo.load import load_demo
from server.database import prepare
from server.installation import PROJECT
from server.settings import load_settings

type AnswerPart = Callable[[InProcess, str, float], Awaitable[list[Figure]]]
PARTS: dict[str, AnswerPart] = {
    "columns": columns.measure,
    "history": history.measure,
    "sight": sight.measure,
    "travel": travel.measure,
}
"""Each takes the application, the URL of its database, and the share of the requests; a new one is one line here."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, write; return the exit code."""
    parser = benchmark_parser("answers", __doc__)
    parser.add_argument("--only", choices=PARTS, help="one part (all)")
    parser.add_argument("--scale", type=float, default=0.1, help="of the demo (0.1)")
    parser.add_argument("--share", type=float, default=1.0, help="of the requests (1)")
    parser.add_argument("--home", type=Path, default=PROJECT / ".onemap" / "bench", help="folder to work in")
    options = parser.parse_args(arguments)
    chosen = [options.only] if options.only else list(PARTS)
    home = options.home.absolute() / "answers"
    new_home(home)
    with PrivateCluster(home) as url:
        rows = asyncio.run(_measure(url, home, chosen, options.scale, options.share))
    return report(rows, [describe_machine(), f"demo at scale {options.scale:g}"], options)


async def _measure(url: str, home: Path, parts: Sequence[str], scale: float, share: float) -> list[Figure]:
    await asyncio.to_thread(asyncio.run, _fill(url, scale))
    settings = load_settings(home=home, database={"url": url}, export=UNAPPROVED, limits=UNLIMITED)
    rows = []
    async with InProcess(settings, {ASKER: OPERATOR}) as app:
        for name in parts:
            print(f"→ {name}", flush=True)
            rows += await PARTS[name](app, url, share)
    return rows


async def _fill(url: str, scale: float) -> None:
    await prepare(url)
    print(f"→ making the demo at scale {scale:g}", flush=True)
    await load_demo(url, scale=scale)


if __name__ == "__main__":
    sys.exit(main())
