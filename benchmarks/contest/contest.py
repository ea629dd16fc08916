"""A comparison of servers: one runs at a time, responses are checked first, the median of three rounds counts."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import asyncpg

from benchmarks import ask, peers
from benchmarks.ask import Ask, Expected, expected_of
from benchmarks.cases import FeatureCase
from benchmarks.contest.contestant import OURS, Contestant, turns
from benchmarks.load import Load, load, warm_up
from benchmarks.servers import free_port, get, running, running_ours
from benchmarks.settle import wait_until_settled

_CHECKED = 3  # requests of every case that are compared with the database's own result
FIRST_PAGE, PAGE_190 = "page 1 of 1,000 rows", "page 190 of 1,000 rows by next"


type FeatureContestant = Contestant[[Ask]]


@dataclass(slots=True)
class Measurements:
    """Every run by contestant and case title."""

    runs: dict[tuple[str, str], list[Load]] = field(default_factory=dict)

    def add(self, contestant: str, title: str, run: Load) -> None:
        """Add a run."""
        self.runs.setdefault((contestant, title), []).append(run)

    def rate(self, contestant: str, title: str) -> float:
        """Return the median rate in requests per second."""
        return median(run.rate for run in self.runs[contestant, title])


def contestants(url: str, home: Path, names: Sequence[str]) -> list[FeatureContestant]:
    """Install the named peers; return our server and them."""

    def start(peer: peers.Peer) -> AbstractContextManager[str]:
        port = free_port()
        return running(peers.command(peer, url, home, port), port, home / f"{peer.name}.log")

    found: list[FeatureContestant] = [Contestant(OURS, lambda: running_ours(url, home), ask.ours)]
    dialects = {"pygeoapi": ask.pygeoapi, "tipg": ask.tipg}
    for name in names:
        peer = peers.PEERS[name]
        peers.install(peer, home)
        found.append(Contestant(name, lambda peer=peer: start(peer), dialects[name]))  # type: ignore[misc]
    return found


def contest(
    url: str,
    home: Path,
    taking_part: Sequence[FeatureContestant],
    cases: Sequence[FeatureCase],
    seconds: float,
    rounds: int,
) -> Measurements:
    """Measure every case on every contestant.

    Parameters
    ----------
    seconds
        Of load for each case and contestant, all rounds together.

    Raises
    ------
    RuntimeError
        When a response is wrong: no server wins by returning less.
    """
    measured = Measurements()
    expected = asyncio.run(_expected(url, cases))
    for contestant in turns(taking_part, rounds):
        with contestant.start() as address:
            wait_until_settled(_settling(seconds))
            for case in (case for case in cases if contestant.name in {OURS, *case.goals}):
                _check(contestant, case, address, expected[case.title])
                paths = [contestant.path(request) for request in case.asks]
                run = _measure(address, paths, seconds / rounds, home)
                measured.add(contestant.name, case.title, run)
                print(f"  {case.title:50} {run.rate:9.1f} req/s  p50 {run.p50_ms:8.1f} ms  p99 {run.p99_ms:8.1f} ms")
    return measured


def follow_next(
    home: Path, ours: FeatureContestant, measured: Measurements, seconds: float, rounds: int, *, pages: int
) -> None:
    """Follow `next` links to a late page, and measure it and the first page in turn.

    Raises
    ------
    RuntimeError
        When the late page does not hold as many features as it states.
    """
    first = ours.path(Ask("bench_points", 1000))
    with ours.start() as address:
        wait_until_settled(_settling(seconds))
        path = first
        for _ in range(pages - 1):
            links = json.loads(get(address + path))["links"]
            path = next(link["href"] for link in links if link["rel"] == "next").removeprefix(address)
        last = json.loads(get(address + path))
        if last["numberReturned"] != len({feature["id"] for feature in last["features"]}):
            raise RuntimeError(f"page {pages} does not hold as many features as it says")
        for _ in range(rounds):
            measured.add(OURS, FIRST_PAGE, _measure(address, [first], seconds / rounds, home))
            measured.add(OURS, PAGE_190, _measure(address, [path], seconds / rounds, home))


def _settling(seconds: float) -> float:
    """Return the longest wait for a started server: what matters for ten seconds of load does not for a trial."""
    return min(30, 3 * seconds)


def _measure(address: str, paths: Sequence[str], seconds: float, home: Path) -> Load:
    expected_rate = warm_up(address, paths, min(1, seconds / 2))
    return load(address, paths, seconds, home, expected_rate)


async def _expected(url: str, cases: Sequence[FeatureCase]) -> dict[str, list[Expected]]:
    connection = await asyncpg.connect(url)
    try:
        return {case.title: [await expected_of(one, connection) for one in case.asks[:_CHECKED]] for case in cases}
    finally:
        await connection.close()


def _check(contestant: FeatureContestant, case: FeatureCase, address: str, expected: Sequence[Expected]) -> None:
    for request, right in zip(case.asks, expected, strict=False):
        path = contestant.path(request)
        response = json.loads(get(address + path))
        got = (
            Expected(len(response["features"]), response["numberMatched"])
            if right.matched is not None
            else Expected(1, None)
        )
        if got != right:
            raise RuntimeError(f"{contestant.name} returns {got} for {path}; the database has {right}")
        _check_place(contestant, request, response)


def _check_place(contestant: FeatureContestant, request: Ask, response: dict[str, Any]) -> None:
    """Check that a feature has the requested id, or lies in the requested area in the requested units."""
    feature = response["features"][0] if "features" in response else response
    if request.feature_id is not None and feature["id"] != request.feature_id:
        raise RuntimeError(f"{contestant.name} returns feature {feature['id']} instead of {request.feature_id}")
    x = feature["geometry"]["coordinates"]
    while isinstance(x, list):
        x = x[0]
    if not (12_500_000 < x < 12_700_000 if request.web_mercator else 113 < x < 114):
        raise RuntimeError(f"{contestant.name} returns x = {x}, which is not in the requested coordinate system")
