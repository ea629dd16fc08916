"""One threshold with hysteresis and duration, as a pure function of its state and a value.

::

    calm ──above for `rise`──► raised ──below for `fall`──► calm

Between "above" and "below" lies the band of the hysteresis: in it no duration begins and a running one is broken off.
A value holds until the next one, but not for longer than `hold`: a time without measurements proves nothing.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple


class Timing(NamedTuple):
    """Durations: above to raise, below to clear, and how long a value holds (None: until the next)."""

    rise: timedelta
    fall: timedelta
    hold: timedelta | None


class Trigger(NamedTuple):
    """The state of one threshold.

    Attributes
    ----------
    raised
        Whether it is raised.
    since
        Time since which the value has been above (while calm) or below (while raised); None when it is not.
    """

    raised: bool = False
    since: datetime | None = None

    @property
    def is_calm(self) -> bool:
        """Whether nothing needs to be stored."""
        return not self.raised and self.since is None


CALM = Trigger()


def turns_at(trigger: Trigger, held_until: datetime | None, timing: Timing) -> datetime | None:
    """Return the time at which the trigger turns without a new value; None when it does not.

    Parameters
    ----------
    held_until
        Time until which the last value holds; None for ever.
    """
    if trigger.since is None:
        return None
    at = trigger.since + (timing.fall if trigger.raised else timing.rise)
    return at if held_until is None or at <= held_until else None


def turn(trigger: Trigger) -> Trigger:
    """Return the trigger after its turn."""
    return Trigger(raised=not trigger.raised)


def take(trigger: Trigger, at: datetime, *, above: bool, below: bool, is_continuous: bool) -> Trigger:
    """Return the trigger after a value at `at`, the time up to which it is advanced already.

    Parameters
    ----------
    is_continuous
        Whether the value before held until `at`; if not, a running duration begins again.
    """
    counts = below if trigger.raised else above
    if not counts:
        return trigger._replace(since=None)
    return trigger if trigger.since is not None and is_continuous else trigger._replace(since=at)
