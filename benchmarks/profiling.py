"""Where our own time goes: a case's requests through the application in this process, and its query explained.

Run it with `./onemap bench profiling --case bbox` or `python -m benchmarks.profiling --case bbox`.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch
from urllib.parse import urlsplit

import asyncpg
import uvloop
from fastapi import FastAPI

from benchmarks.ask import ours
from benchmarks.cases import all_cases
from benchmarks.features import HOME
from benchmarks.tables import make_tables
from layers.cluster import PrivateCluster
from server.app import create_app
from server.settings import load_settings

_HEADERS = [(b"host", b"127.0.0.1:8000"), (b"accept", b"*/*")]


def main(arguments: Sequence[str] | None = None) -> int:
    """Profile one case and print the profile."""
    cases = {f"{case.name}{'' if len(case.asks) == 1 else '-random'}": case for case in all_cases()}
    parser = argparse.ArgumentParser(prog="onemap bench profiling", description=__doc__)
    parser.add_argument("--json", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--strict", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--case", choices=sorted(cases), default="bbox", help="which")
    parser.add_argument("--requests", type=int, default=200, help="how many (200)")
    parser.add_argument("--lines", type=int, default=25, help="of the profile (25)")
    options = parser.parse_args(arguments)
    paths = [ours(ask) for ask in cases[options.case].asks]
    with PrivateCluster(HOME / "features-1") as url:
        uvloop.run(_profile(url, [paths[n % len(paths)] for n in range(options.requests)], options.lines))
    return 0


async def _profile(url: str, paths: Sequence[str], lines: int) -> None:
    await make_tables(url)
    app = create_app(load_settings(home=HOME, database={"url": url}))
    async with app.router.lifespan_context(app):
        statements = await _statements(lambda: _ask(app, paths[0]))
        for text, values in statements:
            await _explain(url, text, values)
        began_s = time.process_time()
        times = [await _request_ms(app, path) for path in paths]
        ours_ms = (time.process_time() - began_s) * 1000 / len(paths)
        print(f"\none at a time, without HTTP: median {median(times):.3f} ms, best {min(times):.3f} ms")
        print(f"of which this process used {ours_ms:.3f} ms of processor time; the rest is PostgreSQL and waiting")
        profiler = cProfile.Profile()
        profiler.enable()
        for path in paths:
            await _ask(app, path)
        profiler.disable()
        pstats.Stats(profiler).strip_dirs().sort_stats("tottime").print_stats(lines)


async def _request_ms(app: FastAPI, path: str) -> float:
    began = time.perf_counter()
    await _ask(app, path)
    return (time.perf_counter() - began) * 1000


async def _ask(app: FastAPI, path: str) -> None:
    """Send one GET through the application, as the server would."""
    parts = urlsplit(path)
    scope = {
        "type": "http",
        "method": "GET",
        "scheme": "http",
        "http_version": "1.1",
        "path": parts.path,
        "raw_path": parts.path.encode(),
        "query_string": parts.query.encode(),
        "headers": _HEADERS,
        "server": ("127.0.0.1", 8000),
        "client": ("127.0.0.1", 50000),
        "root_path": "",
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start" and message["status"] != 200:
            raise RuntimeError(f"{path} answered {message['status']}")

    await app(scope, receive, send)


async def _statements(ask: Callable[[], Awaitable[None]]) -> list[tuple[str, tuple[object, ...]]]:
    """Return the statements of one request, with their values."""
    recorded: list[tuple[str, tuple[object, ...]]] = []

    def recording(name: str) -> Any:
        original = getattr(asyncpg.Connection, name)

        async def record(self: Any, query: str, *values: object, **options: Any) -> Any:
            recorded.append((query, values))
            return await original(self, query, *values, **options)

        return patch.object(asyncpg.Connection, name, record)

    with recording("fetchrow"), recording("fetchval"):
        await ask()
    return recorded


async def _explain(url: str, text: str, values: tuple[object, ...]) -> None:
    connection = await asyncpg.connect(url)
    try:
        lines = await connection.fetch(f"EXPLAIN (ANALYZE, BUFFERS) {text}", *values)
    finally:
        await connection.close()
    print(f"\n{text}\n")
    print("\n".join(line[0] for line in lines))


if __name__ == "__main__":
    sys.exit(main())
