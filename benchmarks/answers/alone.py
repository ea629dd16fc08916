"""A download from a server in a process of its own, whose memory holds nothing else: no filling, no geopandas."""

from __future__ import annotations

import asyncio
import io
import multiprocessing
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pyarrow.parquet as pq
from starlette.types import Message

from benchmarks.answers.asking import ASKER
from benchmarks.memory import forget_peak, peak_bytes
from benchmarks.rights.callers import UNAPPROVED, InProcess
from benchmarks.servers import UNLIMITED
from layers.actor import OPERATOR
from server.settings import load_settings


@dataclass(frozen=True, slots=True)
class Saved:
    """A file of Parquet that was saved.

    Attributes
    ----------
    seconds
        From the request to the last byte.
    peak_mb
        The most resident memory of the server's process meanwhile.
    """

    seconds: float
    peak_mb: float
    rows: int


def saved_alone(url: str, target: str) -> Saved:
    """Start an application in a new process, let it answer a few rows, and save an answer of Parquet."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
        return process.submit(_run, url, target).result()


def _run(url: str, target: str) -> Saved:
    return asyncio.run(_save(url, target))


async def _save(url: str, target: str) -> Saved:
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as file:
        home = Path(folder)
        settings = load_settings(home=home, database={"url": url}, export=UNAPPROVED, limits=UNLIMITED)
        async with InProcess(settings, {ASKER: OPERATOR}) as app:
            await _saved(app, f"{target}&limit=10", io.BytesIO())  # the driver is loaded at the first such request
            forget_peak()
            seconds = await _saved(app, target, file)
            return Saved(seconds, peak_bytes() / 2**20, pq.read_metadata(file).num_rows)


async def _saved(app: InProcess, target: str, file: IO[bytes]) -> float:
    """Return the seconds of a download that is written to a file as it comes, so that the client holds nothing."""
    ended = asyncio.Event()

    async def receive() -> Message:
        await ended.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        file.write(message.get("body", b""))
        if message["type"] == "http.response.body" and not message.get("more_body"):
            ended.set()

    path, _, query = target.partition("?")
    headers = [(b"host", b"map.test"), (b"x-bench-actor", ASKER.encode())]
    begun = time.perf_counter()
    await app.app(
        {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
            "path": path, "raw_path": path.encode(), "query_string": query.encode(), "root_path": "", "state": {},
            "headers": headers, "client": ("127.0.0.1", 50_000), "server": ("127.0.0.1", 80),
        },
        receive,
        send,
    )  # fmt: skip
    return time.perf_counter() - begun
