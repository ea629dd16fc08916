"""The measured service: a private PostGIS that syncs every commit, the demo in it, the server of `onemap up`."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import orjson

from benchmarks.live.bodies import Population
from benchmarks.live.send import Order, SendResult
from benchmarks.live.subscribers import Delays
from benchmarks.servers import running_ours
from layers.cluster import PrivateCluster
from layers.cluster.place import find_place
from layers.database.connection import connect
from layers.demo.load import load_demo
from server.database import prepare
from server.identity.operator_token import ensure_operator_token
from server.installation import PROJECT

SECRET = "a secret of the benchmark"  # noqa: S105  # of a service that nobody else reaches
_STATE = (
    "receipt", "change", "position", "position_now", "observation", "observation_now", "event_version", "feed", "nonce",
)  # fmt: skip
_TICKS = os.sysconf("SC_CLK_TCK")
_SECONDS_MAX = 600


@dataclass(frozen=True, slots=True)
class LiveService:
    """A running service.

    Attributes
    ----------
    data
        PostgreSQL's data folder, the working directory of its processes.
    """

    url: str
    port: int
    token: str
    city: Population
    data: Path

    @property
    def address(self) -> str:
        """The address of the server, without a last slash."""
        return f"http://127.0.0.1:{self.port}"

    def order(self, **options: Any) -> Order:
        """Return an order to the sender."""
        return Order(port=self.port, secret=SECRET, city=self.city, **options)

    def cpu_s(self) -> dict[str, float]:
        """Return the processor time used so far by each part, in seconds."""
        used: dict[str, float] = defaultdict(float)
        for process in Path("/proc").iterdir():
            if process.name.isdecimal():
                part = _part(process, self.data)
                if part:
                    used[part] += _cpu_s(process)
        return dict(used)

    def memory_mib(self) -> float:
        """Return the memory of the web workers as proportional set size."""
        workers = [p for p in Path("/proc").iterdir() if p.name.isdecimal() and _part(p, self.data) == "web workers"]
        return sum(_pss_kib(process) for process in workers) / 1024


@contextmanager
def cluster(home: Path, scale: float) -> Iterator[str]:
    """Run the database with the demo in it, which is loaded once."""
    home.mkdir(parents=True, exist_ok=True)
    home.chmod(0o711)  # the database's account passes through
    with PrivateCluster(home) as url:
        asyncio.run(_fill(url, scale))
        yield url


@contextmanager
def serving(home: Path, url: str, *, ingest: bool) -> Iterator[LiveService]:
    """Run the server on the database.

    Raises
    ------
    RuntimeError
        When the home holds no database.
    """
    ensure_operator_token(home)
    place = find_place(home)
    if place is None:
        raise RuntimeError(f"there is no database in {home}")
    os.environ["ONEMAP_SECRET_DEMO"] = SECRET
    try:
        with running_ours(url, home, feeds={"ingest": ingest}, demo={"enabled": False, "live": False}) as address:
            token = (home / "operator-token").read_text(encoding="ascii").strip()
            yield LiveService(url, urlsplit(address).port or 0, token, asyncio.run(_city(url)), place.data)
    finally:
        del os.environ["ONEMAP_SECRET_DEMO"]


def send(order: Order) -> SendResult:
    """Run the sender to its end."""
    sender = subprocess.run(
        [sys.executable, "-P", "-m", "benchmarks.live.send"],
        input=orjson.dumps(asdict(order)),
        stdout=subprocess.PIPE,
        check=True,
        env=_environment(),
        timeout=_SECONDS_MAX,
    )
    return SendResult(**orjson.loads(sender.stdout))


@contextmanager
def subscribers(service: LiveService, paths: list[str]) -> Iterator[Delays]:
    """Run the subscribers for the block; the delays are known when it has ended.

    Raises
    ------
    RuntimeError
        When the subscribers do not start.
    """
    delays = Delays()
    with subprocess.Popen(
        [sys.executable, "-P", "-m", "benchmarks.live.subscribers"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=_environment(),
    ) as process:
        assert process.stdin is not None  # noqa: S101  # for the type checker
        assert process.stdout is not None  # noqa: S101
        try:
            process.stdin.write(orjson.dumps({"port": service.port, "token": service.token, "paths": paths}) + b"\n")
            process.stdin.flush()
            if process.stdout.readline() != b"ready\n":
                raise RuntimeError("the subscribers did not begin")
            yield delays
            process.stdin.close()
            for name, value in orjson.loads(process.stdout.read()).items():
                setattr(delays, name, value)
        finally:
            process.kill()


def percentile(values: list[float], share: float) -> float:
    """Return the value below which a share of all values lies; 0 for no values."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def difference(after: Mapping[str, float], before: Mapping[str, float]) -> dict[str, float]:
    """Return the use of each part between two readings."""
    return {name: value - before.get(name, 0.0) for name, value in sorted(after.items())}


async def forget_all(url: str) -> None:
    """Delete everything that was sent, and leave no work for autovacuum during a measurement."""
    connection = await connect(url, role=None)
    try:
        tables = ", ".join(f"twin.{name}" for name in _STATE)
        await connection.execute(f"TRUNCATE {tables}")
        await connection.execute("DELETE FROM layer.events WHERE id LIKE 'r%-%'")
        await connection.execute("SELECT twin.make_day(current_date + n) FROM generate_series(-1, 2) AS n")
        await connection.execute("VACUUM (ANALYZE) layer.events")
        await connection.execute("CHECKPOINT")
    finally:
        await connection.close()


def run_name() -> str:
    """Return a unique name for a run."""
    return f"r{int(time.time() * 1000):x}"


async def _fill(url: str, scale: float) -> None:
    await prepare(url)
    connection = await connect(url)
    empty = not await connection.fetchval("SELECT EXISTS (SELECT FROM layer.grids)")
    await connection.close()
    if empty:
        print(f"→ the demo at scale {scale:g}", flush=True)
        await load_demo(url, scale=scale, seed=440_106, progress=lambda *_: None)


async def _city(url: str) -> Population:
    connection: asyncpg.Connection = await connect(url)
    try:
        return await Population.read(connection)
    finally:
        await connection.close()


def _environment() -> dict[str, str]:
    unlimited = {
        "ONEMAP_LIMITS_ANONYMOUS_PER_S": "0",
        "ONEMAP_LIMITS_KNOWN_PER_S": "0",
        "ONEMAP_LIVE_CALLER_MAX": "5000",
    }
    return os.environ | {"PYTHONPATH": str(PROJECT)} | unlimited


def _part(process: Path, data: Path) -> str | None:
    try:
        command = (process / "cmdline").read_bytes()
        if b"server.processes.worker" in command:
            return "web workers" if _is_ours(process) else None
        if b"server.processes.ingest" in command:
            return "ingest process" if _is_ours(process) else None
        return "PostgreSQL" if (process / "cwd").readlink() == data.resolve() else None
    except OSError:
        return None


def _is_ours(process: Path) -> bool:
    return int((process / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()[1]) == os.getpid()


def _cpu_s(process: Path) -> float:
    """Return the processor time of a process and its ended children: PostgreSQL's come and go."""
    try:
        fields = (process / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(int(field) for field in fields[11:15]) / _TICKS


def _pss_kib(process: Path) -> float:
    try:
        lines = (process / "smaps_rollup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0.0
    return next((float(line.split()[1]) for line in lines if line.startswith("Pss:")), 0.0)
