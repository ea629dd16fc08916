"""How fast questions are answered on the demo: each part asks its operations, one request after the other.

Run it with `./onemap bench answers`; `--only travel` runs one part, `--scale 1` is the size of the goals.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Sequence

from benchmarks.answers import columns, counting, history, sight, travel, where
from benchmarks.answers.asking import ASKER
from benchmarks.parts import PartsRun, run_parts
from benchmarks.results import Figure
from benchmarks.rights.callers import UNAPPROVED, InProcess
from benchmarks.servers import UNLIMITED
from layers.actor import OPERATOR
from server.settings import load_settings

type AnswerPart = Callable[[InProcess, str, float], Awaitable[list[Figure]]]
PARTS: dict[str, AnswerPart] = {
    "columns": columns.measure,
    "where": where.measure,
    "history": history.measure,
    "sight": sight.measure,
    "travel": travel.measure,
    "counting": counting.measure,
}
"""Each takes the application, the URL of its database, and the share of the requests; a new one is one line here."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, write; return the exit code."""
    return run_parts("answers", __doc__, PARTS, _measure, arguments)


async def _measure(run: PartsRun) -> list[Figure]:
    settings = load_settings(home=run.home, database={"url": run.url}, export=UNAPPROVED, limits=UNLIMITED)
    async with InProcess(settings, {ASKER: OPERATOR}) as app:
        return await run.in_turn(lambda name: PARTS[name](app, run.url, run.share))


if __name__ == "__main__":
    sys.exit(main())
