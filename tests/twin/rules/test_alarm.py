"""The alarm: at most one is open, the law of the hysteresis, and time by observations or by a clock."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.rules.alarm import JudgedValue, advance, calm, observe, wakes_at
from twin.rules.trigger import Timing, Trigger, take, turn, turns_at

NOON = datetime(2026, 6, 8, 4, tzinfo=UTC)
TIMING = Timing(timedelta(minutes=3), timedelta(minutes=10), timedelta(minutes=15))
REPEAT = timedelta(minutes=5)
LEVELS, BAND = (0.15, 0.30, 0.50), 0.05


def at(seconds):
    return NOON + timedelta(seconds=seconds)


def judged(seconds, value, levels=LEVELS):
    return JudgedValue(
        at(seconds), tuple(value > level for level in levels), tuple(value < level - BAND for level in levels), value
    )


def run(values, *, ticks=(), timing=TIMING, levels=LEVELS):
    """Play values and ticks of the clock in the order of their times."""
    alarm, actions = calm(len(levels)), []
    course = sorted([(s, 0, v) for s, v in values] + [(s, 1, None) for s in ticks], key=lambda step: step[:2])
    for seconds, _, value in course:
        if value is None:
            alarm, more = advance(alarm, at(seconds), timing)
        else:
            alarm, more = observe(alarm, judged(seconds, value, levels), timing, REPEAT)
        actions += more
    return alarm, actions


def told(actions):
    return [(action.step, (action.at - NOON).total_seconds(), action.level) for action in actions]


HELD = NOON + timedelta(minutes=15)


@pytest.mark.parametrize(
    ("trigger", "above", "below", "is_continuous", "after"),
    [
        (Trigger(), True, False, True, Trigger(since=at(60))),
        (Trigger(), False, False, True, Trigger()),
        (Trigger(), False, True, True, Trigger()),
        (Trigger(since=NOON), True, False, True, Trigger(since=NOON)),
        (Trigger(since=NOON), True, False, False, Trigger(since=at(60))),
        (Trigger(since=NOON), False, False, True, Trigger()),
        (Trigger(since=NOON), False, True, True, Trigger()),
        (Trigger(raised=True), True, False, True, Trigger(raised=True)),
        (Trigger(raised=True), False, False, True, Trigger(raised=True)),
        (Trigger(raised=True), False, True, True, Trigger(raised=True, since=at(60))),
        (Trigger(raised=True, since=NOON), False, True, True, Trigger(raised=True, since=NOON)),
        (Trigger(raised=True, since=NOON), False, True, False, Trigger(raised=True, since=at(60))),
        (Trigger(raised=True, since=NOON), False, False, True, Trigger(raised=True)),
        (Trigger(raised=True, since=NOON), True, False, True, Trigger(raised=True)),
    ],
)
def test_every_transition_of_a_trigger_that_a_value_brings(trigger, above, below, is_continuous, after):
    assert take(trigger, at(60), above=above, below=below, is_continuous=is_continuous) == after


@pytest.mark.parametrize(
    ("trigger", "held_until", "turns"),
    [
        (Trigger(), HELD, None),
        (Trigger(raised=True), HELD, None),
        (Trigger(since=NOON), HELD, at(180)),
        (Trigger(raised=True, since=NOON), HELD, at(600)),
        (Trigger(raised=True, since=NOON), None, at(600)),
        (Trigger(since=NOON), at(179), None),
        (Trigger(since=NOON), at(180), at(180)),
    ],
)
def test_every_transition_of_a_trigger_that_time_brings(trigger, held_until, turns):
    assert turns_at(trigger, held_until, TIMING) == turns
    assert turn(trigger) == Trigger(raised=not trigger.raised)


def test_the_course_of_a_flood():
    rising = [(0, 0.1), (60, 0.2), (120, 0.2), (240, 0.2), (300, 0.4), (480, 0.4)]
    values = [*rising, (1000, 0.12), (1700, 0.09), (2400, 0)]
    _, actions = run(values)
    assert told(actions) == [
        ("raise", 240, 1),
        ("level", 480, 2),
        ("level", 1600, 1),
        ("clear", 2300, 0),
    ]
    assert {action.began_at for action in actions} == {at(60)}
    assert [action.number for action in actions] == [1, 2, 3, 4]
    assert [action.rose for action in actions] == [True, True, False, False]
    assert actions[-1].alerts == 4
    assert actions[-1].alerted_at == at(480)


def test_what_is_above_for_too_short_raises_nothing():
    assert run([(0, 0.6), (179, 0.0)], ticks=[100, 178])[1] == []
    assert told(run([(0, 0.6), (180, 0.0)])[1]) == [("raise", 180, 3)]


def test_a_clock_raises_what_is_held_and_silence_proves_nothing():
    assert told(run([(0, 0.2)], ticks=[180])[1]) == [("raise", 180, 1)]
    slow = Timing(timedelta(hours=1), timedelta(hours=1), timedelta(minutes=15))
    assert run([(0, 0.2), (3600, 0.2)], ticks=[3500, 3700], timing=slow)[1] == []
    raised, _ = run([(0, 0.6)], ticks=[180, 100_000])
    assert raised.level == 3, "an alarm is not cleared by silence"


def test_without_a_hold_a_state_lasts_until_the_next():
    offline = Timing(timedelta(minutes=30), timedelta(0), None)
    _, actions = run([(0, 1.0), (9000, 0.0)], timing=offline, levels=(0.5,))
    assert told(actions) == [("raise", 1800, 1), ("clear", 9000, 0)]


def test_repeated_alerts_are_one_alarm():
    _, actions = run([(60 * n, 0.2) for n in range(30)])
    assert [action.step for action in actions] == ["raise", *["repeat"] * 5]
    assert [action.alerts for action in actions][-1] == 27
    assert len({action.began_at for action in actions}) == 1


def test_a_value_that_is_not_newer_changes_nothing():
    alarm, _ = run([(0, 0.2), (60, 0.2)])
    assert observe(alarm, judged(60, 0.0), TIMING, REPEAT) == (alarm, [])
    assert observe(alarm, judged(30, 0.0), TIMING, REPEAT) == (alarm, [])


depth = st.sampled_from([0.0, 0.08, 0.12, 0.17, 0.22, 0.28, 0.33, 0.47, 0.55])
series = st.lists(st.tuples(st.integers(0, 7200), depth), max_size=40, unique_by=lambda pair: pair[0]).map(sorted)
moments = st.lists(st.integers(0, 7200), max_size=20)
durations = st.sampled_from([timedelta(0), timedelta(minutes=1), timedelta(minutes=8)])
timings = st.builds(Timing, durations, durations, st.sampled_from([None, timedelta(minutes=2), timedelta(minutes=20)]))


@given(values=series, ticks=moments, timing=timings)
def test_how_often_the_clock_ticks_changes_nothing(values, ticks, timing):
    last = max([*ticks, *(seconds for seconds, _ in values), 0])
    assert run(values, ticks=[*ticks, last], timing=timing) == run(values, ticks=[last], timing=timing)


@given(values=series, ticks=moments, timing=timings)
def test_there_are_never_two_open_alarms_and_no_action_goes_back_in_time(values, ticks, timing):
    _, actions = run(values, ticks=ticks, timing=timing)
    is_open = False
    for action in actions:
        assert is_open == (action.step != "raise")
        is_open = action.step != "clear"
        assert (action.level == 0) == (action.step == "clear")
    assert all(a.at <= b.at for a, b in itertools.pairwise(actions))
    identities = [(action.began_at, action.number) for action in actions]
    assert len(set(identities)) == len(identities)


@given(values=series, timing=timings)
def test_levels_are_nested(values, timing):
    alarm, _ = run(values, timing=timing)
    assert [trigger.raised for trigger in alarm.triggers] == sorted((t.raised for t in alarm.triggers), reverse=True)


@given(values=st.lists(st.sampled_from([0.11, 0.13, 0.15]), max_size=30), timing=timings)
def test_within_the_band_nothing_changes(values, timing):
    """The law of the hysteresis: a value neither above a level nor below its band raises and clears nothing."""
    band = list(zip(range(600, 600 + 30 * len(values), 30), values, strict=False))
    assert run(band, timing=timing, levels=(0.15,))[1] == []
    before = [(0, 0.6)]
    quick = timing._replace(rise=timedelta(0))
    assert [action.step for action in run(before + band, timing=quick, levels=(0.15,))[1]] == ["raise"]


@given(values=series, cut=st.integers(0, 40), timing=timings)
def test_the_state_may_be_put_away_at_any_moment_and_wakes_when_it_says(values, cut, timing):
    alarm, _ = run(values[:cut], timing=timing)
    wakes = wakes_at(alarm, timing)
    if wakes is None:
        assert advance(alarm, at(100_000), timing) == (alarm, [])
    else:
        assert advance(alarm, wakes - timedelta(microseconds=1), timing)[1] == []
        assert advance(alarm, wakes, timing)[1] != []


@given(values=series, again=st.lists(st.integers(0, 39), max_size=10))
def test_repeating_what_was_seen_changes_nothing(values, again):
    doubled = []
    for n, value in enumerate(values):
        doubled += [value, *(values[m] for m in again if m <= n)]
    alarm, actions = calm(3), []
    for seconds, value in doubled:
        alarm, more = observe(alarm, judged(seconds, value), TIMING, REPEAT)
        actions += more
    assert (alarm, actions) == run(values)
