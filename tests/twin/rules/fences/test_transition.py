"""The transition table of a mover and a fence: every state with every position, and its laws."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.rules.fences.transition import FenceReport, Stay, Terms, advance, dwells_at, removal_reports, step

NOON = datetime(2026, 6, 8, 4, tzinfo=UTC)
ONE = Terms(1, timedelta(minutes=10), timedelta(minutes=5))
TWO = ONE._replace(fixes=2)


def at(seconds):
    return NOON + timedelta(seconds=seconds)


NOW = at(60)
ENTERING = Stay("entering", NOON, NOON)
INSIDE = Stay("inside", NOON, NOON)
DWELT = Stay("inside", NOON, NOON, dwelt=True)
LEAVING = Stay("leaving", NOON, NOON, left_at=at(30))
LEAVING_DWELT = LEAVING._replace(dwelt=True)
NEW = Stay("entering", NOW, NOW)
ENTER = [FenceReport("enter", NOON, NOON)]
EXIT = [FenceReport("exit", at(30), NOON)]
CROSS = [FenceReport("cross", NOW, NOW)]


def left(stay):
    return stay._replace(phase="leaving", fixes=1, left_at=NOW)


def anew(stay):
    return stay._replace(counts_from=NOW)


TABLE = [  # state, relation, whether the way leads through, next state, reports; two positions, no gap
    (None, "in", False, NEW, []),
    (None, "in", True, NEW, []),
    (None, "near", False, None, []),
    (None, "near", True, None, CROSS),
    (None, "out", False, None, []),
    (None, "out", True, None, CROSS),
    (ENTERING, "in", False, INSIDE, ENTER),
    (ENTERING, "near", False, ENTERING, []),
    (ENTERING, "out", False, None, [FenceReport("cross", NOON, NOON)]),
    (INSIDE, "in", False, INSIDE, []),
    (INSIDE, "near", False, INSIDE, []),
    (INSIDE, "out", False, left(INSIDE), []),
    (DWELT, "in", False, DWELT, []),
    (DWELT, "near", False, DWELT, []),
    (DWELT, "out", False, left(DWELT), []),
    (LEAVING, "in", False, INSIDE, []),
    (LEAVING, "near", False, LEAVING, []),
    (LEAVING, "out", False, None, EXIT),
    (LEAVING_DWELT, "in", False, DWELT, []),
    (LEAVING_DWELT, "near", False, LEAVING_DWELT, []),
    (LEAVING_DWELT, "out", False, None, EXIT),
]
GAPS = [  # the same after a gap
    (None, "in", NEW, []),
    (None, "near", None, []),
    (None, "out", None, []),
    (ENTERING, "in", NEW, []),
    (ENTERING, "near", None, []),
    (ENTERING, "out", None, []),
    (INSIDE, "in", anew(INSIDE), []),
    (INSIDE, "near", anew(INSIDE), []),
    (INSIDE, "out", anew(left(INSIDE)), []),
    (DWELT, "in", anew(DWELT), []),
    (DWELT, "near", anew(DWELT), []),
    (DWELT, "out", anew(left(DWELT)), []),
    (LEAVING, "in", anew(INSIDE), []),
    (LEAVING, "near", anew(LEAVING), []),
    (LEAVING, "out", None, EXIT),
]
SINGLE = [  # the same where one position is enough
    (None, "in", Stay("inside", NOW, NOW), [FenceReport("enter", NOW, NOW)]),
    (INSIDE, "out", None, [FenceReport("exit", NOW, NOON)]),
    (DWELT, "out", None, [FenceReport("exit", NOW, NOON)]),
]
STATES = [None, ENTERING, INSIDE, DWELT, LEAVING, LEAVING_DWELT]


@pytest.mark.parametrize(("stay", "relation", "through", "after", "told"), TABLE)
def test_every_state_with_every_position(stay, relation, through, after, told):
    assert step(stay, relation, NOW, at(45), TWO, through=through) == (after, told)


@pytest.mark.parametrize(("stay", "relation", "after", "told"), GAPS)
def test_every_state_after_a_gap(stay, relation, after, told):
    silent = TWO._replace(gap=timedelta(seconds=10))
    assert step(stay, relation, NOW, at(45), silent, through=True) == (after, told)


@pytest.mark.parametrize(("stay", "relation", "after", "told"), SINGLE)
def test_every_state_where_one_position_is_enough(stay, relation, after, told):
    assert step(stay, relation, NOW, at(45), ONE) == (after, told)


@pytest.mark.parametrize("stay", STATES)
@pytest.mark.parametrize("relation", ["in", "near", "out"])
@pytest.mark.parametrize("late", [NOW, at(90)])
def test_a_position_that_is_not_newer_changes_nothing(stay, relation, late):
    assert step(stay, relation, NOW, late, TWO, through=True) == (stay, [])


def test_the_first_position_of_a_mover_crosses_nothing():
    assert step(None, "out", NOW, None, TWO, through=True) == (None, [])
    assert step(None, "in", NOW, None, TWO) == (NEW, [])


@pytest.mark.parametrize(
    ("stay", "last_s", "until_s", "dwells"),
    [
        (INSIDE, 590, 600, True),
        (INSIDE, 590, 599, False),
        (INSIDE, 290, 600, False),  # too long without a position
        (INSIDE, 300, 600, True),
        (DWELT, 590, 600, False),
        (ENTERING, 590, 600, False),
        (LEAVING, 590, 600, False),
        (None, 590, 600, False),
    ],
)
def test_time_alone_tells_who_dwells(stay, last_s, until_s, dwells):
    after, told = advance(stay, at(until_s), at(last_s), TWO)
    assert told == ([FenceReport("dwell", at(600), NOON)] if dwells else [])
    assert after == (stay._replace(dwelt=True) if dwells else stay)
    assert advance(INSIDE, at(9999), at(590), TWO._replace(dwell=None)) == (INSIDE, [])


def test_a_fence_that_ends_lets_everybody_out():
    assert removal_reports(ENTERING, NOW) == []
    assert removal_reports(INSIDE, NOW) == [FenceReport("exit", NOW, NOON)]
    assert removal_reports(LEAVING, NOW) == EXIT


relations = st.sampled_from(["in", "near", "out"])
ways = st.lists(st.tuples(st.integers(1, 400), relations, st.booleans()), max_size=40)
all_terms = st.builds(
    Terms,
    st.integers(1, 3),
    st.sampled_from([None, timedelta(0), timedelta(seconds=300), timedelta(seconds=900)]),
    st.sampled_from([timedelta(seconds=60), timedelta(seconds=300), timedelta(seconds=5000)]),
)


def walk(way, terms, *, ticks=False):
    stay, last, seconds, told = None, None, 0, []
    for wait, relation, through in way:
        if ticks and last is not None:
            for part in (0.3, 0.6, 1.0):
                stay, more = advance(stay, at(seconds + part * wait), last, terms)
                told += more
        seconds += wait
        stay, more = step(stay, relation, at(seconds), last, terms, through=through)
        told += more
        last = at(seconds)
    return stay, told


@given(way=ways, terms=all_terms)
def test_who_enters_leaves_before_entering_again(way, terms):
    _, told = walk(way, terms)
    inside = dwelt = False
    for one in told:
        if one.action == "enter":
            assert not inside
            inside, dwelt = True, False
        elif one.action == "exit":
            assert inside
            inside = False
        elif one.action == "dwell":
            assert inside
            assert not dwelt
            dwelt = True
        else:
            assert not inside
    if terms.dwell is None:
        assert all(one.action != "dwell" for one in told)


@given(way=ways, terms=all_terms)
def test_how_often_the_clock_ticks_changes_nothing(way, terms):
    assert walk(way, terms) == walk(way, terms, ticks=True)


@given(way=st.lists(st.tuples(st.integers(1, 50), st.sampled_from(["in", "near"]), st.booleans()), max_size=40))
def test_a_receiver_that_wanders_within_the_margin_enters_once_and_never_leaves(way):
    _, told = walk([(wait, relation, False) for wait, relation, _ in way], TWO._replace(dwell=None))
    assert [one.action for one in told] in ([], ["enter"])


@given(way=ways, terms=all_terms)
def test_it_wakes_when_it_says(way, terms):
    stay, _ = walk(way, terms)
    last = at(sum(wait for wait, _, _ in way)) if way else None
    wakes = dwells_at(stay, last, terms)
    if wakes is None:
        assert advance(stay, at(1_000_000), last, terms) == (stay, [])
    else:
        assert advance(stay, wakes, last, terms)[1]
        assert advance(stay, wakes - timedelta(microseconds=1), last, terms) == (stay, [])
