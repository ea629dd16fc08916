"""Questions to one application in this process, one after the other, and the time that each answer takes."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.results import Figure, at_most
from benchmarks.rights.callers import InProcess

ASKER = "operator"
WARM_UP = 5


@dataclass(frozen=True, slots=True)
class AnswerCase:
    """Requests of one kind.

    Attributes
    ----------
    goal_ms
        The bound of the 95th percentile; None without one.
    """

    title: str
    targets: Sequence[str]
    goal_ms: float | None


async def ask(app: InProcess, case: AnswerCase, actor: str = ASKER) -> list[Figure]:
    """Return the median and the 95th percentile of a case, in milliseconds."""
    for target in case.targets[:WARM_UP]:
        await _time_ms(app, target, actor)
    times_ms = [await _time_ms(app, target, actor) for target in case.targets]
    middle, late = np.percentile(times_ms, [50, 95])
    return [
        at_most(f"{case.title}, p50", "ms", float(middle), None),
        at_most(f"{case.title}, p95", "ms", float(late), case.goal_ms),
    ]


async def _time_ms(app: InProcess, target: str, actor: str) -> float:
    began = time.perf_counter()
    status = await app.get(target, actor)
    if status != 200:
        raise RuntimeError(f"{target} was answered with {status}")
    return (time.perf_counter() - began) * 1000


def query(values: Mapping[str, object]) -> str:
    """Return the query of an address."""
    return "&".join(f"{name}={value}" for name, value in values.items())
