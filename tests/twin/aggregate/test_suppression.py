"""Small counts cannot be worked out from those that are shown."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from layers.catalog import Catalog, Layer
from layers.definition import read_definitions
from layers.errors import BadInput, Forbidden, NotFound
from layers.policy.policy import Policy
from tests.layers.read.policies import actor_of, role, rule
from twin.aggregate.answer import Counts
from twin.aggregate.areas import parse_by
from twin.aggregate.small_counts import BESIDE, suppressed
from twin.aggregate.suppression import counting

STREET = "440106010"
LEAST = 5
parts = st.tuples(st.integers(0, 7), st.sampled_from([0, 0, 0, 1, 3, 6]))  # what a reader may not read, and what he may


def published(given):
    """What is shown of the communities of a street, given as pairs of hidden and readable features."""
    keys = [f"{STREET}{number:03}" for number in range(len(given))]
    rows = [{"key": key, "count": rest + own} for key, (rest, own) in zip(keys, given, strict=True)]
    hidden = suppressed(rows, LEAST, {key: own for key, (_, own) in zip(keys, given, strict=True)})
    return [hidden.get(row["key"], row["count"]) for row in rows]


def is_shown(count, own):
    return not 0 < count < LEAST and not 0 < count - own < LEAST


def could_be(shown, counts):
    """Whether what is shown of a street says that these counts are possible: beside a small count, others are not."""
    has_small = f"<{LEAST}" in shown
    return all(
        (0 < count < LEAST if label == f"<{LEAST}" else not has_small or count >= LEAST)
        if isinstance(label, str)
        else label == count
        for label, count in zip(shown, counts, strict=True)
    )


def worlds_of(shown, own, total):
    """All counts that are possible to whoever knows what is shown, what he reads, and the sum where that is shown."""
    if not is_shown(total, sum(own)):
        wide = [(*world,) for world in product(*(range(least, least + LEAST + 2) for least in own))]
    else:
        partly = product(*(range(least, total + 1) for least in own[:-1]))
        wide = [(*world, total - sum(world)) for world in partly if total - sum(world) >= own[-1]]
    return [world for world in wide if could_be(shown, world)]


@settings(max_examples=150, deadline=None)
@given(st.lists(parts, min_size=1, max_size=4))
def test_no_small_count_follows_from_what_is_shown_what_is_readable_and_the_sum_of_a_street(communities):
    """Of each community where the rest is small, at least two numbers are possible."""
    shown, own = published(communities), [own for _, own in communities]
    counts = [sum(both) for both in communities]
    assert could_be(shown, counts), "what is shown is true"
    assert shown == counts or not all(map(is_shown, counts, own)), "hidden for nothing"
    worlds = worlds_of(shown, own, sum(counts))
    for number, (rest, readable) in enumerate(communities):
        possible = {world[number] - readable for world in worlds}
        assert not 0 < rest < LEAST or len(possible) > 1


@pytest.mark.parametrize(
    ("communities", "shown"),
    [
        ([(9, 0), (7, 0)], [9, 7]),
        ([(1, 0), (9, 0), (20, 0)], ["<5", BESIDE, 20]),
        ([(1, 0), (5, 0)], [BESIDE, BESIDE]),  # "<5" and "*" with the sum 6 would be 1 and 5
        ([(1, 0), (1, 0), (1, 0), (1, 0), (1, 0)], [BESIDE] * 5),
        ([(2, 6), (9, 0)], [BESIDE, BESIDE]),  # 8 events, of which he reads 6
        ([(0, 6), (9, 0)], [6, 9]),
        ([(3, 0), (0, 0)], ["<5", 0]),  # the street's own count is as small
    ],
)
def test_what_is_shown_of_a_street(communities, shown):
    assert published(communities) == shown


TREE_LEAST = 3
tree_parts = st.tuples(st.integers(0, 4), st.sampled_from([0, 0, 0, 1, 2]))
trees = st.lists(st.lists(tree_parts, min_size=1, max_size=3), min_size=1, max_size=3).filter(
    lambda streets: sum(map(len, streets)) <= 4
)


@dataclass(frozen=True)
class Tier:
    """The areas of a tier: which communities make up each, which areas lie in one area, and what is told of them."""

    members: list[list[int]]
    families: list[list[int]]
    shown: list[int | str]
    own: list[int]

    def counts(self, worlds):
        return np.column_stack([worlds[:, members].sum(axis=1) for members in self.members])

    def allows(self, worlds):
        """Whether what is shown of the tier says that worlds are possible."""
        counts, possible = self.counts(worlds), np.ones(len(worlds), dtype=bool)
        for family in self.families:
            all_beside = all(self.shown[one] == BESIDE for one in family)
            for one in family:
                label, count = self.shown[one], counts[:, one]
                if label == f"<{TREE_LEAST}":
                    possible &= (count > 0) & (count < TREE_LEAST)
                elif label == BESIDE:
                    possible &= (count >= TREE_LEAST) | all_beside
                else:
                    possible &= count == label
        return possible


def tiers_of(streets):
    """The district, its streets and their communities, each as it is told when that tier is asked for."""
    leaves = [leaf for street in streets for leaf in street]
    starts = np.cumsum([0, *map(len, streets)]).tolist()
    within = [list(range(first, last)) for first, last in pairwise(starts)]
    shapes = {
        6: ([list(range(len(leaves)))], [[0]], ["440106"]),
        9: (within, [list(range(len(streets)))], [f"440106{n:03}" for n in range(len(streets))]),
        12: (
            [[n] for n in range(len(leaves))],
            within,
            [f"440106{n:03}{m:03}" for n, street in enumerate(streets) for m in range(len(street))],
        ),
    }
    tiers = []
    for members, families, keys in shapes.values():
        own = [sum(leaves[one][1] for one in area) for area in members]
        counts = [sum(sum(leaves[one]) for one in area) for area in members]
        rows = [{"key": key, "count": count} for key, count in zip(keys, counts, strict=True)]
        hidden = suppressed(rows, TREE_LEAST, dict(zip(keys, own, strict=True)))
        shown = [hidden.get(key, count) for key, count in zip(keys, counts, strict=True)]
        tiers.append(Tier(members, families, shown, own))
    return tiers


def every_world(own, total):
    """All counts of communities of a sum, or some of every sum where it is not shown: `[n, communities]`."""
    most = [total + 1 if total is not None else least + 2 * TREE_LEAST for least in own]
    worlds = np.stack(np.meshgrid(*map(np.arange, own, most), indexing="ij"), axis=-1).reshape(-1, len(own))
    return worlds if total is None else worlds[worlds.sum(axis=1) == total]


@settings(max_examples=200, deadline=None)
@given(trees)
def test_no_small_count_follows_from_all_tiers_together(streets):
    """Whoever asks for the district, the streets and the communities finds two numbers possible of each small rest."""
    tiers = tiers_of(streets)
    district, *_ = tiers
    own = tiers[-1].own
    total = district.shown[0] if isinstance(district.shown[0], int) else None
    worlds = every_world(own, total)
    worlds = worlds[np.logical_and.reduce([tier.allows(worlds) for tier in tiers])]
    true = np.array([[sum(leaf) for street in streets for leaf in street]])
    assert all(tier.allows(true).all() for tier in tiers), "what is shown is true"
    for tier in tiers:
        for truth, possible, readable in zip(tier.counts(true)[0], tier.counts(worlds).T, tier.own, strict=True):
            assert not 0 < truth - readable < TREE_LEAST or len(set(possible.tolist())) > 1


def test_what_is_hidden_beside_a_small_street_is_not_undone_by_its_communities():
    """The first street is small; the second is hidden, and would be the sum of its communities."""
    streets = [[(1, 0)], [(4, 0), (3, 0)], [(9, 0), (8, 0)]]
    _, of_streets, of_communities = tiers_of(streets)
    assert of_streets.shown == ["<3", BESIDE, 17]
    assert of_communities.shown == ["<3", BESIDE, BESIDE, 9, 8]


def test_the_columns_of_counts_are_worked_out_once():
    rows = [{"key": "a", "before": 1}]
    counts = Counts(rows, 1)
    assert counts.columns is counts.columns
    assert "change" in counts.columns


EVENTS = Layer(read_definitions()["events"], 1, datetime.now(UTC), lowest_grade=2)
CATALOG = Catalog({"events": EVENTS})
POLICY = Policy(
    (role("anonymous", 1), role("officer", 3)),
    (
        rule("counts", "anonymous", "events", operations=("aggregate",), count_by=("communities",), least_count=5),
        rule("reads", "officer", "events"),
    ),
)


def test_who_may_only_count_counts_whole_areas_and_reads_nothing():
    stranger = actor_of(POLICY)
    assert not EVENTS.visible_to(stranger)
    allowed = counting(CATALOG, "events", stranger)
    assert allowed.least == 5
    assert allowed.settle(parse_by("community"), [], None, None) is allowed
    for by, chosen in (("grid", []), ("square:100", []), ("community", ["filter"])):
        with pytest.raises(Forbidden):
            allowed.settle(parse_by(by), chosen, None, None)
    with pytest.raises(BadInput):
        allowed.settle(parse_by("community"), [], None, "2026-06-08T12:00:00+08:00")
    assert counting(CATALOG, "events", actor_of(POLICY, "officer")).groupings is None
    with pytest.raises(NotFound):
        counting(CATALOG, "events", actor_of(Policy(POLICY.roles.values(), ()), "officer"))


WARNED = Catalog({"events": replace(EVENTS, lowest_grade=1)})


def test_who_reads_what_is_public_alone_counts_all_and_asks_anything_of_what_he_reads():
    policy = Policy(POLICY.roles.values(), (*POLICY.rules, rule("warnings", "anonymous", "events", grade=1)))
    stranger = actor_of(policy)
    allowed = counting(WARNED, "events", stranger)
    assert (allowed.least, allowed.actor.operation, allowed.own.actor) == (5, "aggregate", stranger)
    assert allowed.settle(parse_by("community"), [], None, None) is allowed
    assert allowed.settle(parse_by("grid"), [], None, None) is allowed.own
    assert allowed.settle(parse_by("community"), ["filter"], None, None) is allowed.own
    assert allowed.settle(parse_by("community"), [], "2026-06-08T12:00:00+08:00", None) is allowed.own
    assert counting(WARNED, "events", actor_of(policy, "officer")).own is None, "an officer counts what he reads"
