"""The live twin: messages a second, how late a subscriber hears, what many subscribers cost, how soon it is back.

Run it with `./onemap bench live` or `python -m benchmarks.live`. PostgreSQL syncs every commit; sender and subscribers
are processes of their own on the same cores as the server and PostgreSQL.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from benchmarks.live.cases import CASES, Amount
from benchmarks.live.service import cluster
from benchmarks.machine import describe_database, describe_machine, describe_versions
from benchmarks.results import Figure, benchmark_parser, choose_cases, report
from server.installation import PROJECT

_HELP = {
    "scale": "of the demo",
    "rate": "messages a second of the case write",
    "seconds": "for which they are sent",
    "batches": "of the case stages",
    "ingest": "run the ingest process (rules, fences, outlets) beside the web workers",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, write; return the exit code."""
    options = _options(arguments)
    amount = Amount(**{field.name: getattr(options, field.name) for field in fields(Amount)})
    home = options.home.absolute() / f"live-{amount.scale:g}"
    rows: list[Figure] = []
    notes = [describe_machine() + ", shared by sender, subscribers, server and PostgreSQL", describe_versions()]
    with cluster(home, amount.scale) as url:
        notes.append(asyncio.run(describe_database(url)))
    for name in options.cases:
        print(f"→ {name}", flush=True)
        found, lines = CASES[name](home, amount)
        rows += found
        notes += [f"{name}: {line}" for line in lines]
    return report(rows, notes, options)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = benchmark_parser("live", __doc__)
    parser.add_argument("--cases", default=",".join(CASES), help=f"which of {', '.join(CASES)} (all)")
    parser.add_argument("--home", type=Path, default=PROJECT / ".onemap" / "bench", help="folder to work in")
    for field in fields(Amount):
        option = "--" + field.name.replace("_", "-")
        text = _HELP.get(field.name, field.name.replace("_", " "))
        if isinstance(field.default, bool):
            parser.add_argument(option, action="store_true", help=text)
        else:
            parser.add_argument(
                option, type=type(field.default), default=field.default, help=f"{text} ({field.default})"
            )
    options = parser.parse_args(arguments)
    options.cases = choose_cases(parser, options.cases, CASES)
    return options


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # one way to stop, which stops the servers too
    sys.exit(main())
