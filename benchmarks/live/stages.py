"""The processor time of a message: in this process by stage, and in PostgreSQL by statement.

Everything runs in this process, one batch after the other, without HTTP. A busy machine makes all figures larger alike
and shifts none between stages. Of many batches the cheaper ones count.
"""

from __future__ import annotations

import gc
import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from functools import wraps
from inspect import iscoroutinefunction
from pathlib import Path
from pkgutil import resolve_name
from typing import Any
from unittest.mock import patch

import asyncpg

from benchmarks.live.bodies import Bodies, Population
from benchmarks.live.service import SECRET, run_name
from layers.catalog import read_catalog
from layers.database.connection import connect
from server.installation import PROJECT
from server.processes.garbage import search_seldom
from twin.connectors.protocols import read_registry
from twin.feeds.signature import sign
from twin.intake.intake import Intake
from twin.intake.queue import BATCH_MAX

_STAGES = {  # where a function is called, and the name of its stage
    "twin.intake.signatures.verify": "check the signature",
    "twin.intake.intake.decode": "read the envelopes",
    "twin.envelope.read.decode_json": "read the JSON",
    "twin.store.receipts.digests": "make receipts",
    "twin.store.receipts.claim": "claim receipts",
    "twin.store.prepared._areas_of": "join positions",
    "twin.store.prepared._placed": "join events",
    "twin.store.prepared.Prepared.of": "make rows",
    "twin.store.positions.write": "write positions",
    "twin.store.observations.write": "write observations",
    "twin.store.events.events.write": "write events",
    "twin.store.grades.Grades.assign": "grade changes",
    "twin.log.changes.append": "write the log",
    "twin.store.batch._count": "count for the feeds",
    "twin.intake.pipeline.write": "the rest of a batch",
}
_STATEMENTS = ("execute", "fetch", "fetchval", "copy_to_table", "copy_records_to_table")
_LABEL = 64  # characters of a statement
_WARM_UP = 4

type Spent = dict[str, float]  # seconds, by stage or statement


class Meter:
    """Adds up processor time; the time of a stage within another counts for the inner one alone."""

    def __init__(self) -> None:
        self.ours: Spent = defaultdict(float)
        self.database: Spent = defaultdict(float)
        self._within: list[float] = []

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Measure a block."""
        began = time.process_time()
        self._within.append(0.0)
        try:
            yield
        finally:
            used = time.process_time() - began
            self.ours[name] += used - self._within.pop()
            if self._within:
                self._within[-1] += used

    def staged(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Wrap a function so that it is measured."""

        @wraps(function)
        async def awaited(*values: Any, **named: Any) -> Any:
            with self.stage(name):
                return await function(*values, **named)

        @wraps(function)
        def called(*values: Any, **named: Any) -> Any:
            with self.stage(name):
                return function(*values, **named)

        return awaited if iscoroutinefunction(function) else called

    def statement(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Wrap a method of a connection: the time of its PostgreSQL process counts for the statement."""
        copies = function.__name__.startswith("copy")

        @wraps(function)
        async def sent(connection: asyncpg.Connection, text: str, *values: Any, **named: Any) -> Any:
            what = " ".join(("COPY " * copies + text).split())[:_LABEL]
            process = connection.get_server_pid()
            began_s = _used_s(process)
            with self.stage("speak with PostgreSQL"):
                response = await function(connection, text, *values, **named)
            self.database[what] += _used_s(process) - began_s
            return response

        return sent


async def measure(url: str, home: Path, batches: int) -> tuple[Spent, Spent]:
    """Send batches; return microseconds per message of this process by stage, and of PostgreSQL by statement."""
    connection = await connect(url)
    city, catalog = await Population.read(connection), await read_catalog(connection)
    await connection.close()
    bodies, rounds = Bodies(city, BATCH_MAX, run_name(), number=8), list[tuple[Spent, Spent]]()
    intake = Intake(url, read_registry(PROJECT / "config" / "feeds"), home, lambda: catalog)
    with ExitStack() as patched:
        patched.enter_context(patch.dict(os.environ, {"ONEMAP_SECRET_DEMO": SECRET}))
        patched.enter_context(_garbage_as_in_a_server())
        await intake.start()
        try:
            for _ in range(_WARM_UP):
                await _deliver(intake, bodies.next())
            meter = _watch(patched)
            for _ in range(batches):
                body = bodies.next()
                meter.ours, meter.database = defaultdict(float), defaultdict(float)
                with meter.stage("everything else"):
                    await _deliver(intake, body)
                rounds.append((meter.ours, meter.database))
        finally:
            await intake.stop()
    return _cheap([ours for ours, _ in rounds]), _cheap([database for _, database in rounds])


async def _deliver(intake: Intake, body: bytes) -> None:
    now = datetime.now(UTC)
    signed = sign(SECRET.encode(), "demo", body, now=now, nonce=f"{os.getpid():08}{time.monotonic_ns():020}")
    receipt = await intake.deliver("demo", {"content-type": "application/cloudevents-batch+json", **signed}, body)
    if receipt.accepted != receipt.received:
        raise RuntimeError(f"of {receipt.received} messages {receipt.accepted} were accepted")


@contextmanager
def _garbage_as_in_a_server() -> Iterator[None]:
    before = gc.get_threshold()
    search_seldom()
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


def _watch(patched: ExitStack) -> Meter:
    """Measure every stage and statement, until `patched` is left."""
    meter = Meter()
    for path, name in _STAGES.items():
        measured = meter.staged(name, resolve_name(path))
        of_class = path.endswith(".Prepared.of")
        patched.enter_context(patch(path, staticmethod(measured) if of_class else measured))
    for name in _STATEMENTS:
        measured = meter.statement(getattr(asyncpg.Connection, name))
        patched.enter_context(patch.object(asyncpg.Connection, name, measured))
    return meter


def _cheap(rounds: list[Spent]) -> Spent:
    """Return the lower quartile of the rounds in microseconds per message, the most expensive first."""
    names = {name for one in rounds for name in one}
    spent = {name: sorted(one.get(name, 0.0) for one in rounds)[len(rounds) // 4] / BATCH_MAX * 1e6 for name in names}
    return dict(sorted(spent.items(), key=lambda item: -item[1]))


def _used_s(process: int) -> float:
    return int(Path(f"/proc/{process}/schedstat").read_text(encoding="ascii").split()[0]) / 1e9
