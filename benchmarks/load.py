"""Load on one server: `wrk`, 2 threads, 16 connections, a list of paths one after the other."""

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
_WARMING = 4  # connections that warm a server up: enough for both workers, and nothing is left undone
_FAILED_MAX = 0.02  # TiPg fails now and then under load
_SCRIPT = Path(__file__).with_name("load.lua")


@dataclass(frozen=True, slots=True)
class Load:
    """What one run measured.

    Attributes
    ----------
    rate
        Answers a second.
    p50_ms, p99_ms
        Time from request to whole answer.
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
    """Ask from the middle of the list on, and wait for every answer; return about how many came a second."""
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
        Asked in this order, round and round.
    seconds
        How long; longer where each connection would not get an answer in that time.
    expected_rate
        Answers a second, as `warm_up` found them.
    headers
        Sent with every request.

    Raises
    ------
    RuntimeError
        When more than a few answers were not 200, or none came at all.
    """
    listing = folder / "paths.txt"
    listing.write_text("\n".join(paths) + "\n", encoding="utf-8")
    lasting = min(_LONG_SECONDS, max(seconds, 1.5 * connections / expected_rate))
    options = [f"-t{THREADS}", f"-c{connections}", f"-d{max(1, round(lasting))}s", "--timeout", f"{_TIMEOUT_S}s"]
    options += [part for name, value in (headers or {}).items() for part in ("-H", f"{name}: {value}")]
    wrk = subprocess.run(
        ["wrk", *options, "-s", _SCRIPT, address, "--", listing], check=True, capture_output=True, text=True
    )
    said: dict[str, float] = json.loads(wrk.stdout.rpartition("RESULT ")[2])
    if not said["requests"] or said["errors"] > _FAILED_MAX * said["requests"]:
        raise RuntimeError(f"{address}{paths[0]}: {said['errors']} failed answers of {said['requests']}")
    rate = _rate(said, connections)
    time.sleep(connections / rate)  # what was asked last is still being worked on, and must not slow what comes next
    return Load(rate, said["p50_us"] / 1000, said["p99_us"] / 1000)


def _rate(said: dict[str, float], connections: int) -> float:
    """Return answers a second, from whichever of two views is kinder to the server.

    What is still on its way when time is up is not counted, which hurts a server whose answers take seconds; a closed
    loop's rate is also its connections divided by the mean time of an answer (Little's law), which does not.
    """
    counted = (said["requests"] - said["errors"]) / (said["duration_us"] / 1e6)
    few = said["requests"] < 10 * connections
    return max(counted, connections / (said["mean_us"] / 1e6)) if few else counted
