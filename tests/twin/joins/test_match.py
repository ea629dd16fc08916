"""Pairs of two sides: however finely they are taken they are the same, and no part is large."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from twin.joins import match
from twin.joins.match import JoinRule, Matcher, Pairs

PLACES = st.tuples(st.integers(0, 3), st.integers(0, 3)).map(lambda at: (113.3 + at[0] / 1000, 23.1 + at[1] / 1000))
POINTS = st.lists(PLACES.map(shapely.Point), min_size=1, max_size=12)
SHAPES = st.lists(
    PLACES.map(shapely.Point) | PLACES.map(lambda at: shapely.box(at[0], at[1], at[0] + 0.001, at[1] + 0.002)),
    min_size=1,
    max_size=12,
)
RULES = (
    JoinRule("within"), JoinRule("within", one_each=True), JoinRule("intersects"), JoinRule("nearest"),
    JoinRule("within", 150.0), JoinRule("within", 150.0, one_each=True), JoinRule("nearest", 150.0),
)  # fmt: skip


def array(shapes):
    return np.array(shapes, dtype=object)


def parts_of(left, right, rule, compared, measured):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(match, "COMPARED_MAX", compared)
        patch.setattr(match, "MEASURED_MAX", measured)
        return list(Matcher(array(right), rule).pairs(array(left)))


def listed(parts):
    pairs = Pairs.together(parts)
    metres = [None] * len(pairs) if pairs.distance_m is None else np.round(pairs.distance_m, 6).tolist()
    return list(zip(pairs.left.tolist(), pairs.right.tolist(), metres, strict=True))


@settings(max_examples=30)
@given(POINTS, SHAPES, st.sampled_from(RULES), st.integers(1, 40), st.integers(1, 5))
def test_pairs_are_the_same_however_finely_they_are_taken(left, right, rule, compared, measured):
    whole = listed(parts_of(left, right, rule, 10**6, 10**6))
    fine = parts_of(left, right, rule, compared, measured)
    assert listed(fine) == whole
    assert max(len(part) for part in fine) <= measured
    if rule.one_each or rule.how == "nearest":
        assert len({pair[0] for pair in whole}) == len(whole)


@settings(max_examples=20)
@given(POINTS, SHAPES)
def test_pairs_are_those_of_every_left_with_every_right(left, right):
    expected = [(a, b) for a, one in enumerate(left) for b, other in enumerate(right) if other.covers(one)]
    assert [pair[:2] for pair in listed(parts_of(left, right, JoinRule("within"), 7, 3))] == expected
    firsts = [pair for n, pair in enumerate(expected) if n == 0 or expected[n - 1][0] != pair[0]]
    assert [pair[:2] for pair in listed(parts_of(left, right, JoinRule("within", one_each=True), 7, 3))] == firsts


@pytest.mark.parametrize("rule", [JoinRule("within", 50.0), JoinRule("nearest"), JoinRule("intersects")])
def test_all_of_one_place_meet_in_parts(rule):
    here = [shapely.Point(113.3, 23.1)] * 300
    parts = parts_of(here, here, rule, 3_000, 1_000)
    assert max(len(part) for part in parts) <= 1_000
    assert len(Pairs.together(parts)) == (300 if rule.how == "nearest" else 90_000)


@pytest.mark.parametrize("rule", [JoinRule("within", 50.0), JoinRule("nearest"), JoinRule("intersects")])
def test_no_search_finds_more_than_is_compared_together(monkeypatch, rule):
    found = []

    class Tree(shapely.STRtree):
        def query(self, *asked, **how):
            return noted(super().query(*asked, **how))

        def query_nearest(self, *asked, **how):
            return noted(super().query_nearest(*asked, **how))

    def noted(pairs):
        found.append(pairs.shape[1])
        return pairs

    monkeypatch.setattr(shapely, "STRtree", Tree)
    here = [shapely.Point(113.3, 23.1)] * 300
    parts_of(here, here, rule, 3_000, 1_000)
    assert max(found) <= 3_000
    assert sum(found) == 90_000
