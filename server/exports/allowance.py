"""How many features each subject took of each layer within an hour, in one process."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic

HOUR_S = 3600.0
PAIRS_MAX = 10_000


@dataclass(slots=True)
class _Hour:
    """An hour of a subject and a layer.

    Attributes
    ----------
    asked
        Features by the hash of a request: who asks the same again, as a page that shows a list does, takes nothing
        more. Texts of addresses would be long.
    """

    began: float
    features: int = 0
    asked: dict[int, int] = field(default_factory=dict)


class Allowance:
    """The hours of all subjects; the one that took nothing for longest is forgotten when they are too many.

    Parameters
    ----------
    clock
        Returns seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._hours: OrderedDict[tuple[str, str], _Hour] = OrderedDict()

    def take(self, subject: str, layer: str, asked: str | None, features: int, most: int) -> bool:
        """Count features, and return whether they are within the hour's allowance; what is beyond it is not counted.

        Parameters
        ----------
        asked
            The request, by which the same one is known again; None for one that cannot be told from others.
        most
            The allowance of an hour.
        """
        hour = self._hour(subject, layer)
        before = hour.asked.get(hash(asked), 0) if asked is not None else 0
        more = max(0, features - before)
        if hour.features + more > most:
            return False
        hour.features += more
        if asked is not None and more:
            hour.asked[hash(asked)] = features
        return True

    def _hour(self, subject: str, layer: str) -> _Hour:
        key, now = (subject, layer), self._clock()
        hour = self._hours.get(key)
        if hour is None or now - hour.began >= HOUR_S:
            hour = self._hours[key] = _Hour(now)
        self._hours.move_to_end(key)
        if len(self._hours) > PAIRS_MAX:
            self._hours.popitem(last=False)
        return hour
