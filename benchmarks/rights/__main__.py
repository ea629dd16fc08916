"""What rights and the audit cost: the same reads with them and without, in one process, by turns.

Run it with `./onemap bench rights`; `--only audit` runs one part. What a part measures stands in its module.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from benchmarks.parts import PartsRun, fill_with_demo, run_parts
from benchmarks.results import Figure
from benchmarks.rights import audit, crowd, policies, roles
from benchmarks.tables import make_tables

type RightsPart = Callable[[str, Path, float], Awaitable[list[Figure]]]
PARTS: dict[str, RightsPart] = {
    "audit": audit.measure,
    "crowd": crowd.measure,
    "policies": policies.measure,
    "roles": roles.measure,
}
"""A new part is one module and one line here."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, write; return the exit code."""
    return run_parts("rights", __doc__, PARTS, _measure, arguments, _fill)


async def _measure(run: PartsRun) -> list[Figure]:
    return await run.in_turn(lambda name: PARTS[name](run.url, run.home / name, run.share))


async def _fill(url: str, scale: float) -> None:
    """Make a database with the demo, and the tables of `bench features`."""
    await fill_with_demo(url, scale)
    await make_tables(url, scale)


if __name__ == "__main__":
    sys.exit(main())
