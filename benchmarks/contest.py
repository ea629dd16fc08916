"""Servers against each other: one runs at a time, every answer is checked first, the median of three rounds counts."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import asyncpg

from benchmarks import ask, peers
from benchmarks.ask import Ask, Expected, truth_of
from benchmarks.cases import FeatureCase
from benchmarks.load import Load, load, warm_up
from benchmarks.servers import free_port, get, running, running_ours
from benchmarks.settle import wait_until_settled

_CHECKED = 3  # requests of every case that are compared with the database's own answer
FIRST_PAGE, PAGE_190 = "page 1 of 1,000 rows", "page 190 of 1,000 rows by next"


@dataclass(frozen=True, slots=True)
class Contestant:
    """A server that takes part: how it is started and how it wants to be asked."""

    name: str
    start: Callable[[], AbstractContextManager[str]]
    path: Callable[[Ask], str]

    def takes_part(self, case: FeatureCase) -> bool:
        """Whether it can serve the case."""
        return self.name == "ours" or self.name in case.goals


@dataclass(slots=True)
class Measurements:
    """Every run by contestant and case title."""

    runs: dict[tuple[str, str], list[Load]] = field(default_factory=dict)

    def add(self, contestant: str, title: str, run: Load) -> None:
        """Keep a run."""
        self.runs.setdefault((contestant, title), []).append(run)

    def rate(self, contestant: str, title: str) -> float:
        """Return the median rate in requests a second."""
        return median(run.rate for run in self.runs[contestant, title])


def contestants(url: str, home: Path, names: Sequence[str]) -> list[Contestant]:
    """Return ourselves and the named peers, which are installed now."""

    def start(peer: peers.Peer) -> AbstractContextManager[str]:
        port = free_port()
        return running(peers.command(peer, url, home, port), port, home / f"{peer.name}.log")

    found = [Contestant("ours", lambda: running_ours(url, home), ask.ours)]
    dialects = {"pygeoapi": ask.pygeoapi, "tipg": ask.tipg}
    for name in names:
        peer = peers.PEERS[name]
        peers.install(peer, home)
        found.append(Contestant(name, lambda peer=peer: start(peer), dialects[name]))  # type: ignore[misc]
    return found


def contest(
    url: str, home: Path, taking_part: Sequence[Contestant], cases: Sequence[FeatureCase], seconds: float, rounds: int
) -> Measurements:
    """Measure every case on every contestant.

    Parameters
    ----------
    seconds
        Of load for each case and contestant, all rounds together.

    Raises
    ------
    RuntimeError
        When an answer is wrong: nobody wins by answering less.
    """
    measured = Measurements()
    truths = asyncio.run(_truths(url, cases))
    for number in range(rounds):
        turn = number % len(taking_part)
        for contestant in (*taking_part[turn:], *taking_part[:turn]):
            print(f"→ round {number + 1} of {rounds}: {contestant.name}", flush=True)
            with contestant.start() as address:
                wait_until_settled()
                for case in (case for case in cases if contestant.takes_part(case)):
                    _check(contestant, case, address, truths[case.title])
                    paths = [contestant.path(wanted) for wanted in case.asks]
                    run = _measure(address, paths, seconds / rounds, home)
                    measured.add(contestant.name, case.title, run)
                    print(
                        f"  {case.title:50} {run.rate:9.1f} req/s  p50 {run.p50_ms:8.1f} ms  p99 {run.p99_ms:8.1f} ms"
                    )
    return measured


def follow_next(home: Path, us: Contestant, measured: Measurements, seconds: float, rounds: int, *, pages: int) -> None:
    """Walk to a late page by its `next` links, and measure it and the first one in turn."""
    first = us.path(Ask("bench_points", 1000))
    with us.start() as address:
        wait_until_settled()
        path = first
        for _ in range(pages - 1):
            links = json.loads(get(address + path))["links"]
            path = next(link["href"] for link in links if link["rel"] == "next").removeprefix(address)
        last = json.loads(get(address + path))
        if last["numberReturned"] != len({feature["id"] for feature in last["features"]}):
            raise RuntimeError(f"page {pages} does not hold as many features as it says")
        for _ in range(rounds):
            measured.add("ours", FIRST_PAGE, _measure(address, [first], seconds / rounds, home))
            measured.add("ours", PAGE_190, _measure(address, [path], seconds / rounds, home))


def _measure(address: str, paths: Sequence[str], seconds: float, home: Path) -> Load:
    expected_rate = warm_up(address, paths, min(1, seconds / 2))
    return load(address, paths, seconds, home, expected_rate)


async def _truths(url: str, cases: Sequence[FeatureCase]) -> dict[str, list[Expected]]:
    connection = await asyncpg.connect(url)
    try:
        return {case.title: [await truth_of(wanted, connection) for wanted in case.asks[:_CHECKED]] for case in cases}
    finally:
        await connection.close()


def _check(contestant: Contestant, case: FeatureCase, address: str, truths: Sequence[Expected]) -> None:
    for wanted, truth in zip(case.asks, truths, strict=False):
        path = contestant.path(wanted)
        answer = json.loads(get(address + path))
        got = (
            Expected(len(answer["features"]), answer["numberMatched"])
            if truth.matched is not None
            else Expected(1, None)
        )
        if got != truth:
            raise RuntimeError(f"{contestant.name} answers {got} to {path}; the database says {truth}")
        _check_place(contestant, wanted, answer)


def _check_place(contestant: Contestant, wanted: Ask, answer: dict[str, Any]) -> None:
    """Check one feature: that it is the one, or lies where it was looked for, in the units that were asked for."""
    feature = answer["features"][0] if "features" in answer else answer
    if wanted.feature_id is not None and feature["id"] != wanted.feature_id:
        raise RuntimeError(f"{contestant.name} answers feature {feature['id']} instead of {wanted.feature_id}")
    x = feature["geometry"]["coordinates"]
    while isinstance(x, list):
        x = x[0]
    if not (12_500_000 < x < 12_700_000 if wanted.web_mercator else 113 < x < 114):
        raise RuntimeError(f"{contestant.name} answers x = {x}, which is not in the coordinate system asked for")
