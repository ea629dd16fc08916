"""Clusters against an oracle that searches all events each time, and worked cases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twin.rules.cluster import ClusterPoint, ClusterRule, Gathering, is_parent, near

NOON = datetime(2026, 6, 8, 4, tzinfo=UTC)
RULE = ClusterRule(name="crowd", kind="cluster", title_zh="聚集", title_en="Cluster")
SMALL = RULE.model_copy(update={"number": 3, "same_grid": False})


def spot(number, minutes, x=0.0, y=0.0, kind="0406", grid=None):
    return ClusterPoint(f"e{number:03d}", kind, NOON + timedelta(minutes=minutes), x, y, grid)


def gathered(rule, spots):
    gathering = Gathering(rule)
    return [gathering.take(one) for one in spots]


def test_five_within_200_m_in_half_an_hour():
    five = [spot(n, 7 * n, 50.0 * n) for n in range(5)]
    *alone, founded = gathered(RULE, five)
    assert alone == [None] * 4
    cluster, children = founded
    assert [child.event_id for child in children] == [one.event_id for one in five]
    assert (cluster.parent_id, cluster.size, cluster.number) == ("cluster-crowd-e004", 5, 1)
    assert is_parent(cluster.parent_id)


@pytest.mark.parametrize(
    "odd",
    [
        spot(4, 31),  # too late
        spot(4, 20, 401),  # too far from the others
        spot(4, 20, kind="0102"),  # another class
    ],
)
def test_four_and_a_stranger_are_none(odd):
    assert gathered(RULE, [*(spot(n, 0.1 * n, 10.0 * n) for n in range(4)), odd])[-1] is None


def test_those_of_one_grid_are_near():
    far = [spot(n, n, 1000.0 * n, grid="440106011001001") for n in range(5)]
    assert gathered(RULE, far)[-1] is not None
    assert gathered(RULE.model_copy(update={"same_grid": False}), far)[-1] is None


def test_a_later_one_joins_and_the_last_word_of_the_window_counts():
    spots = [spot(n, n) for n in range(5)]
    *_, joined, late = gathered(RULE, [*spots, spot(5, 34), spot(6, 65)])
    cluster, children = joined
    assert (cluster.size, cluster.number, [child.event_id for child in children]) == (6, 2, ["e005"])
    assert late is None


def oracle(rule, spots):
    """Return the parent of every event by the definition alone: every subset, no state but the results."""
    parent, anchors, taken = {}, {}, []
    for one in spots:
        newest = max((other.at for other in taken if other.event_class == one.event_class), default=one.at)
        if one.at < newest - 4 * rule.window:
            continue
        taken.append(one)
        fitting = []
        for name, anchor in anchors.items():
            times = [other.at for other in taken if parent.get(other.event_id) == name]
            in_time = min(times) - rule.window <= one.at <= max(times) + rule.window
            if anchor.event_class == one.event_class and in_time and near(one, anchor, rule):
                fitting.append(name)
        if fitting:
            parent[one.event_id] = min(fitting)
            continue
        others = [o for o in taken[:-1] if o.event_id not in parent and o.event_class == one.event_class]
        others = [o for o in others if near(one, o, rule)]
        best = []
        for size in range(rule.number - 1, len(others) + 1):
            groups = [
                sorted([one, *group], key=lambda o: (o.at, o.event_id))
                for group in combinations(others, size)
                if max(o.at for o in [one, *group]) - min(o.at for o in [one, *group]) <= rule.window
            ]
            best = min(groups, key=lambda g: [(o.at, o.event_id) for o in g], default=best)
        if best:
            name = f"cluster-{rule.name}-{one.event_id}"
            anchors[name] = one
            parent |= dict.fromkeys((o.event_id for o in best), name)
    return parent


places = st.tuples(
    st.sampled_from([0, 8, 15, 29, 31, 45, 62, 130, 200]), st.sampled_from([0.0, 90.0, 199.0, 201.0, 380.0])
)
courses = st.lists(st.tuples(places, st.sampled_from(["0406", "0102"])), max_size=10)


@settings(deadline=None)
@given(course=courses, cut=st.integers(0, 10))
def test_clusters_are_those_of_the_oracle(course, cut):
    spots = [spot(n, minutes, x, kind=kind) for n, ((minutes, x), kind) in enumerate(course)]
    parent, gathering = {}, Gathering(SMALL)
    for n, one in enumerate(spots):
        if n == cut:  # stored and read again
            lonely = [kept for of_class in gathering.lonely.values() for kept in of_class.values()]
            gathering = Gathering(SMALL, lonely, gathering.clusters.values())
        taken = gathering.take(one)
        if taken is not None:
            parent |= dict.fromkeys((child.event_id for child in taken[1]), taken[0].parent_id)
        gathering.forget(one.event_class)
    assert parent == oracle(SMALL, spots)


def test_what_can_matter_no_more_is_forgotten():
    gathering = Gathering(RULE)
    for n in range(50):
        gathering.take(spot(n, 40 * n))
        gathering.forget("0406")
    assert len(gathering.lonely["0406"]) <= 5
