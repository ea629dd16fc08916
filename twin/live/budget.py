"""What subscriptions may cost: every change is matched with all of them, and no filter may delay the others.

A unit is about one comparison, some microseconds. One subscription has a limit, the subscriptions of one caller have
one together, and those of a worker have one; passing a limit is an error. The work within the limits is done in turns.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from layers.database.admission import CALLER
from layers.errors import BadFilter, Unavailable

FILTER_UNITS_MAX = 300
CALLER_UNITS_MAX = 1_200
UNITS_MAX = 6_000
SHORT_CHARACTERS = 1_000
_UNITS_A_TURN = 300  # about a millisecond
_VERTICES_A_UNIT = 64  # a literal geometry is prepared once
_ITEMS_A_UNIT = 8  # of a list
_AREAS_A_UNIT = 8


def filter_units(node: Any) -> int:
    """Return what a filter costs for one change: its operations, and the length of their lists and geometries."""
    if isinstance(node, Mapping):
        if "coordinates" in node:
            return 1 + _numbers(node["coordinates"]) // 2 // _VERTICES_A_UNIT
        return ("op" in node) + sum(filter_units(part) for part in node.values())
    if isinstance(node, Sequence) and not isinstance(node, str):
        return len(node) // _ITEMS_A_UNIT + sum(filter_units(part) for part in node)
    return 0


def checked_units(node: Any) -> int:
    """Return what a filter costs for one change.

    Raises
    ------
    BadFilter
        When it costs too much for a stream.
    """
    units = filter_units(node)
    if units > FILTER_UNITS_MAX:
        raise BadFilter(
            f"the filter of a stream has at most {FILTER_UNITS_MAX} operations, this one has {units}; "
            "ask for layers, areas or a bbox, and filter the rest where it arrives",
            parameter="filter",
        )
    return units


def area_units(areas: Sequence[str]) -> int:
    """Return what a list of areas costs for one change."""
    return len(areas) // _AREAS_A_UNIT


def _numbers(coordinates: Any) -> int:
    if isinstance(coordinates, Sequence) and not isinstance(coordinates, str):
        return sum(map(_numbers, coordinates))
    return 1


def caller_here() -> str:
    """Return the key of the caller of this request; callers without one count as one."""
    caller = CALLER.get()
    return caller.key if caller else ""


class Budget:
    """The cost of all subscriptions of one worker, by caller."""

    def __init__(self) -> None:
        self.spent = 0
        self._by_caller: Counter[str] = Counter()
        self._streams: Counter[str] = Counter()

    def streams_of(self, caller: str) -> int:
        """Return how many subscriptions a caller has."""
        return self._streams[caller]

    def take(self, caller: str, units: int) -> None:
        """Add a subscription.

        Raises
        ------
        Unavailable
            As `check`.
        """
        self.check(caller, units)
        self._by_caller[caller] += units
        self._streams[caller] += 1
        self.spent += units

    def check(self, caller: str, units: int) -> None:
        """Check that a subscription can be added.

        Raises
        ------
        Unavailable
            When the caller's subscriptions, or all of them, would cost too much; it may be added later, or elsewhere.
        """
        if not units:
            return
        if self._by_caller[caller] + units > CALLER_UNITS_MAX:
            raise Unavailable("the filters of your streams cost more than one caller's may; close some of them")
        if self.spent + units > UNITS_MAX:
            raise Unavailable("the filters of all streams cost as much as may be; come again later, or without one")

    def check_text(self, caller: str, characters: int) -> None:
        """Check that a filter may be read: reading a long one costs more than refusing it.

        Raises
        ------
        Unavailable
            When so little of the caller's budget is left that only short filters are read.
        """
        left = min(CALLER_UNITS_MAX - self._by_caller[caller], UNITS_MAX - self.spent)
        if characters > SHORT_CHARACTERS and left < FILTER_UNITS_MAX:
            raise Unavailable(
                "the filters of your streams cost nearly what they may; close some, or write a shorter one"
            )

    def give_back(self, caller: str, units: int) -> None:
        """Remove a subscription."""
        self._by_caller[caller] -= units
        self._streams[caller] -= 1
        self.spent -= units
        for counter in (self._by_caller, self._streams):
            if not counter[caller]:
                del counter[caller]


class TimeSlices:
    """Gives other tasks their turn after some work.

    Attributes
    ----------
    given
        How many turns were given.
    """

    def __init__(self) -> None:
        self._units = 0
        self.given = 0

    async def spend(self, units: int) -> None:
        """Count work that was done, and give other tasks their turn when it was enough for one."""
        self._units += units
        if self._units >= _UNITS_A_TURN:
            self._units = 0
            self.given += 1
            await asyncio.sleep(0)
