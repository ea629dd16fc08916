"""The schedule of reports: each thing has its interval and its own phase, so that reports are spread evenly."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from twin.city.chance import whole
from twin.city.district import Thing


class Schedule:
    """Things by the seconds they report in.

    Parameters
    ----------
    things
        Things with their intervals in seconds.
    """

    def __init__(self, things: Iterable[tuple[Thing, int]], seed: int) -> None:
        self._by_interval: dict[int, dict[int, list[Thing]]] = defaultdict(lambda: defaultdict(list))
        self.things: list[Thing] = []
        for thing, interval_s in things:
            phase = whole(0, interval_s - 1, seed, "phase", thing.id)
            self._by_interval[interval_s][phase].append(thing)
            self.things.append(thing)

    def at(self, second: int) -> Iterator[Thing]:
        """Yield the things that report in a second."""
        for interval_s, by_phase in self._by_interval.items():
            yield from by_phase.get(second % interval_s, ())
