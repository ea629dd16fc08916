"""The page in headless Chromium: first map, weight, five minutes of a storm, replay of a filled day.

Run it with `./onemap bench page` or `python -m benchmarks.page`. The browser draws with software GL, on the cores of
the server, PostgreSQL and the sender.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from playwright.sync_api import Browser

from benchmarks.live.service import LiveService, cluster, serving
from benchmarks.machine import describe_database, describe_machine, describe_versions
from benchmarks.page.cases import CASES
from benchmarks.page.replay import DAY_ROWS, fill
from benchmarks.page.storm import PageLoad
from benchmarks.page.tab import chromium
from benchmarks.results import Figure, benchmark_parser, choose_cases, report
from server.installation import PROJECT


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, write; return the exit code."""
    options = _options(arguments)
    home = options.home.absolute() / f"live-{options.scale:g}"  # the district of `bench live`
    storm = PageLoad(**{field.name: getattr(options, field.name) for field in fields(PageLoad)})
    notes = [
        describe_machine() + ", shared by browser, sender, server and PostgreSQL; software GL",
        describe_versions(),
    ]
    with cluster(home, options.scale) as url:
        if "replay" in options.cases:
            print(f"→ making a day of {DAY_ROWS:,} rows", flush=True)
            asyncio.run(fill(url))
        notes.append(asyncio.run(describe_database(url)))
        with serving(home, url, ingest=True) as service, chromium() as browser:
            notes.append(f"Chromium {browser.version}, software GL")
            rows = measure(service, browser, storm, options.cases)
    return report(rows, notes, options)


def measure(service: LiveService, browser: Browser, storm: PageLoad, cases: Sequence[str]) -> list[Figure]:
    """Measure some cases, one after the other."""
    rows = []
    for name in cases:
        print(f"→ {name}", flush=True)
        rows += CASES[name](service, browser, storm)
    return rows


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = benchmark_parser("page", __doc__)
    parser.add_argument("--cases", default=",".join(CASES), help=f"which of {', '.join(CASES)} (all)")
    parser.add_argument("--scale", type=float, default=1.0, help="of the demo (1)")
    parser.add_argument("--home", type=Path, default=PROJECT / ".onemap" / "bench", help="folder to work in")
    for field in fields(PageLoad):
        parser.add_argument(f"--{field.name}", type=int, default=field.default, help=f"of the storm ({field.default})")
    options = parser.parse_args(arguments)
    options.cases = choose_cases(parser, options.cases, CASES)
    return options


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # one way to stop, which stops the servers too
    sys.exit(main())
