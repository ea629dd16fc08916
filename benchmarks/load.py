"""Load on one server by `wrk`: 2 threads, 16 connections, a list of paths in order."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from benchmarks.servers import get
from layers.errors import Unavailable

THREADS = 2
CONNECTIONS = 16
_TIMEOUT_S = 60
_LONG_SECONDS = 30
_WARMING = 4  # connections that warm a server up, enough for both workers
_FAILED_MAX = 0.02  # TiPg fails now and then under load
_SCRIPT = Path(__file__).with_name("load.lua")


@dataclass(frozen=True, slots=True)
class Load:
    """The result of one run.

    Attributes
    ----------
    rate
        Responses per second.
    p50_ms, p99_ms
        Time from the request to the whole response.
    """

    rate: float
    p50_ms: float
    p99_ms: float


def require_wrk() -> None:
    """Install the load generator from the system's packages when it is missing.

    Raises
    ------
    Unavailable
        When it is missing and cannot be installed.
    """
    if shutil.which("wrk"):
        return
    become = [] if os.geteuid() == 0 else ["sudo", "-n"]
    if shutil.which("apt-get"):
        print("→ installing wrk …", flush=True)
        subprocess.run([*become, "apt-get", "install", "-y", "-q", "wrk"], check=False, capture_output=True)
    if not shutil.which("wrk"):
        raise Unavailable("the load generator wrk is missing; Debian: apt-get install wrk")


def warm_up(address: str, paths: Sequence[str], seconds: float) -> float:
    """Send requests from the middle of the list on, and wait for every response; return the approximate rate."""
    until = time.monotonic() + seconds
    began = time.monotonic()

    def ask(first: int) -> int:
        done = 0
        while not done or time.monotonic() < until:
            get(address + paths[(first + done) % len(paths)])
            done += 1
        return done

    with ThreadPoolExecutor(_WARMING) as threads:
        done = sum(threads.map(ask, (len(paths) // 2 + number * 50 for number in range(_WARMING))))
    return done / (time.monotonic() - began)


def load(  # a run has this many sides
    address: str,
    paths: Sequence[str],
    seconds: float,
    folder: Path,
    expected_rate: float,
    *,
    connections: int = CONNECTIONS,
    headers: Mapping[str, str] | None = None,
) -> Load:
    """Put load on a server and measure it.

    Parameters
    ----------
    paths
        Requested in this order, again and again.
    seconds
        Duration; longer where some connection would not get a response in that time.
    expected_rate
        Responses per second, as returned by `warm_up`.
    headers
        Sent with every request.

    Raises
    ------
    RuntimeError
        When more than a few responses were not 200, or none came at all.
    """
    listing = folder / "paths.txt"
    listing.write_text("\n".join(paths) + "\n", encoding="utf-8")
    lasting = min(_LONG_SECONDS, max(seconds, 1.5 * connections / expected_rate))
    options = [f"-t{THREADS}", f"-c{connections}", f"-d{max(1, round(lasting))}s", "--timeout", f"{_TIMEOUT_S}s"]
    options += [part for name, value in (headers or {}).items() for part in ("-H", f"{name}: {value}")]
    wrk = subprocess.run(
        ["wrk", *options, "-s", _SCRIPT, address, "--", listing], check=True, capture_output=True, text=True
    )
    result: dict[str, float] = json.loads(wrk.stdout.rpartition("RESULT ")[2])
    if not result["requests"] or result["errors"] > _FAILED_MAX * result["requests"]:
        raise RuntimeError(f"{address}{paths[0]}: {result['errors']} failed answers of {result['requests']}")
    rate = _rate(result, connections)
    time.sleep(connections / rate)  # the last requests are still running, and must not slow the next measurement
    return Load(rate, result["p50_us"] / 1000, result["p99_us"] / 1000)


def _rate(result: dict[str, float], connections: int) -> float:
    """Return responses per second, by the method of two that favours the server.

    A count misses the responses still in transit at the end, which penalises a server whose responses take seconds. The
    rate of a closed loop is also its connections divided by the mean response time (Little's law), which does not.
    """
    counted = (result["requests"] - result["errors"]) / (result["duration_us"] / 1e6)
    few = result["requests"] < 10 * connections
    return max(counted, connections / (result["mean_us"] / 1e6)) if few else counted
