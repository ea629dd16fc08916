"""Two ways of serving the same requests, by turns: the work of both is measured in one run on one machine."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from statistics import median

from benchmarks.rights.cpu import CpuClock

ROUNDS = 21
"""Many and short: the median bears it that most of the machine is taken away in some of them."""

type Serve = Callable[[int], Awaitable[None]]  # serves the requests of a round, by its number


async def rates(clock: CpuClock, ours: Serve, theirs: Serve, count: int, rounds: int = ROUNDS) -> tuple[float, float]:
    """Return requests by second of work, ours and theirs, from rounds that begin with either.

    The ratio of the two is the median of the rounds' ratios: what disturbs a round disturbs both. Round number 0 warms
    plans and caches, and is not measured.

    Parameters
    ----------
    count
        Requests of a round.
    rounds
        The ratio of one differs by a tenth: 21 tell a third from a fifth, 41 of half a second tell 0.95 from 0.93.
    """
    work: dict[Serve, list[float]] = {ours: [], theirs: []}
    for turn in range(rounds + 1):
        for serve in (ours, theirs) if turn % 2 else (theirs, ours):
            begin = await clock.seconds()
            await serve(turn)
            if turn:
                work[serve].append(await clock.seconds() - begin)
    ratio = median(their / our for our, their in zip(work[ours], work[theirs], strict=True))
    rate = count / median(work[theirs])
    return rate * ratio, rate
