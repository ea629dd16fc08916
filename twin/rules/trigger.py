"""One threshold with hysteresis and duration, as a pure function of its state and what is seen.

::

    calm ──above for `rise`──► raised ──below for `fall`──► calm

Between "above" and "below" lies the band of the hysteresis, where nothing begins and what has begun is broken off. A
value holds until the next one, but not for longer than `hold`: what nobody measured proves nothing.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple


class Timing(NamedTuple):
    """How long a value must stay above to raise, below to clear, and how long it holds (None: until the next)."""

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
        Since when the value has been where it would change that: above while calm, below while raised; None when it
        is not there.
    """

    raised: bool = False
    since: datetime | None = None

    @property
    def is_calm(self) -> bool:
        """Whether there is nothing to remember."""
        return not self.raised and self.since is None


CALM = Trigger()


def turns_at(trigger: Trigger, held_until: datetime | None, timing: Timing) -> datetime | None:
    """Return when the trigger will turn if nothing more is seen; None when it will not.

    Parameters
    ----------
    held_until
        Until when the last value holds; None for ever.
    """
    if trigger.since is None:
        return None
    at = trigger.since + (timing.fall if trigger.raised else timing.rise)
    return at if held_until is None or at <= held_until else None


def turned(trigger: Trigger) -> Trigger:
    """Return the trigger after it has turned."""
    return Trigger(raised=not trigger.raised)


def seen(trigger: Trigger, at: datetime, *, above: bool, below: bool, is_continuous: bool) -> Trigger:
    """Return the trigger after a value; it has been brought up to `at` already.

    Parameters
    ----------
    is_continuous
        Whether the value before held until `at`; if not, what had begun begins anew.
    """
    there = below if trigger.raised else above
    if not there:
        return trigger._replace(since=None)
    return trigger if trigger.since is not None and is_continuous else trigger._replace(since=at)
