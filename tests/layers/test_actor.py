"""Actors: whom caches may serve alike."""

from __future__ import annotations

from datetime import datetime, time

from hypothesis import given
from hypothesis import strategies as st

from layers import actor as actors
from layers.actor import Actor, anonymous_under
from layers.policy.policy import Policy
from tests.layers.read.policies import role, rule

MINUTES = st.times().map(lambda t: t.replace(microsecond=0))
PLAIN = Policy([role("anonymous", 1)], [rule("always", "anonymous", "grids")])
SHIFTS = Policy(
    [role("anonymous", 1)],
    [
        rule("always", "anonymous", "grids"),
        rule("day", "anonymous", "events", hours=(time(8), time(20))),
        rule("night", "anonymous", "vehicles", hours=(time(22), time(6))),
    ],
)


class Clock(datetime):
    """A clock that a test sets."""

    moment = time()

    @classmethod
    def now(cls, tz=None) -> Clock:
        return datetime.combine(datetime(2026, 6, 8, tzinfo=tz), cls.moment, tz)


@given(st.lists(MINUTES, min_size=1, max_size=8))
def test_a_stranger_has_the_rules_of_the_hour_whenever_he_was_asked_for_before(moments):
    real, actors.datetime = actors.datetime, Clock
    try:
        for Clock.moment in moments:
            stranger, fresh = anonymous_under(SHIFTS), Actor("anonymous", 1, policy=SHIFTS)
            assert stranger.audience == fresh.audience
            for layer in ("grids", "events", "vehicles"):
                assert SHIFTS.rules_on(layer, (), at=stranger.at) == SHIFTS.rules_on(layer, (), at=Clock.moment)
    finally:
        actors.datetime = real


def test_without_hours_strangers_are_one_actor():
    assert anonymous_under(PLAIN) is anonymous_under(PLAIN)
    assert anonymous_under(PLAIN) == Actor("anonymous", 1, policy=PLAIN)
