"""Two real web processes on one socket, one of which is killed: a client comes again and has missed nothing."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack, contextmanager, suppress

import httpx
import pytest

from server.installation import PROJECT
from server.settings import load_settings
from tests.twin.change_log import (
    DEADLINE_SECONDS,
    Heard,
    held_of,
    newest,
    prepare,
    write_many,
    written,
)
from tests.twin.live.test_live import number_of
from tests.twin.waiting import until

pytestmark = pytest.mark.anyio


@contextmanager
def worker(settings, listening):
    """A web process that takes connections of a socket it shares."""
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "server.processes.worker", str(listening.fileno())],
        stdin=subprocess.PIPE,
        pass_fds=[listening.fileno()],
        cwd="/",
        env=os.environ | {"PYTHONPATH": str(PROJECT)},
    )
    process.stdin.write(settings.model_dump_json().encode() + b"\n")
    process.stdin.flush()
    try:
        yield process
    finally:
        process.stdin.close()
        try:
            process.wait(DEADLINE_SECONDS)
        finally:
            process.kill()


class Listener:
    """A client that comes again with the last number when the stream breaks off."""

    def __init__(self, address, query) -> None:
        self.url = f"{address}/live?{query}"
        self.heard: Heard = Heard()
        self.seq: str | None = None

    async def listen(self):
        async with httpx.AsyncClient(timeout=DEADLINE_SECONDS) as client:
            while True:
                headers = {} if self.seq is None else {"Last-Event-ID": self.seq}
                with suppress(httpx.HTTPError):
                    async with client.stream("GET", self.url, headers=headers) as stream:
                        await self._read(stream)

    async def _read(self, stream):
        fields = {}
        async for line in stream.aiter_lines():
            name, _, value = line.partition(": ")
            if line:
                fields[name] = value
                continue
            assert fields.get("event") != "resync", fields
            if fields.get("event") == "changes":
                self.heard.add(json.loads(fields["data"]))
            self.seq = fields.get("id", self.seq)
            fields = {}


async def test_a_killed_web_process_costs_no_listener_a_change(database_url, tmp_path):
    await prepare(database_url)
    settings = load_settings(database={"url": database_url}, home=tmp_path, live={"heartbeat_s": 0.5})
    with socket.socket() as listening, ExitStack() as running:
        listening.bind(("127.0.0.1", 0))
        listening.listen(64)
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        first = running.enter_context(worker(settings, listening))
        running.enter_context(worker(settings, listening))
        listeners = [Listener(address, query) for query in ("", "layers=events", "", "layers=vehicles", "", "")]
        tasks = [asyncio.create_task(one.listen()) for one in listeners]
        await until(lambda: all(one.seq is not None for one in listeners))
        states = {}
        writing = asyncio.gather(*(write_many(database_url, seed, 60, states) for seed in (1, 2)))
        await until(lambda: any(one.heard.events for one in listeners))
        first.send_signal(signal.SIGKILL)
        running.enter_context(worker(settings, listening))
        await writing
        last = await newest(database_url)
        await until(lambda: all(number_of(one.seq) >= last for one in listeners))
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    log = [change for _, change in await written(database_url)]
    for one in listeners:
        layer = one.url.partition("layers=")[2]
        asked = [change for change in log if not layer or change["layer"] == layer]
        assert one.heard == held_of(asked, is_public, is_public)


def is_public(change):
    return change["grade"] <= 2
