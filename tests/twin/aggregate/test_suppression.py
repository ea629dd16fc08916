"""Small counts cannot be worked out from those that are shown."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layers.catalog import Catalog, Layer
from layers.definition import read_definitions
from layers.errors import Forbidden, NotFound
from layers.policy.policy import Policy
from tests.layers.read.policies import actor_of, role, rule
from twin.aggregate.areas import parse_by
from twin.aggregate.suppression import counting, suppressed

areas = st.dictionaries(
    st.builds(lambda street, community: f"4401060{street}{community:03}", st.integers(10, 12), st.integers(1, 5)),
    st.integers(0, 12),
    max_size=15,
)


@given(areas, st.integers(2, 6))
def test_the_sum_of_a_street_and_what_is_shown_leave_a_small_count_open(counts, least):
    hidden = suppressed([{"key": key, "count": count} for key, count in counts.items()], least)
    assert all(key in hidden for key, count in counts.items() if 0 < count < least)
    assert all(counts[key] > 0 for key in hidden)
    for street in {key[:9] for key in counts}:
        inside = [key for key in counts if key.startswith(street)]
        gone = [key for key in inside if key in hidden]
        busy = [key for key in inside if counts[key]]
        assert len(gone) != 1 or len(busy) == 1  # then the street's own count is as small, and not shown either


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
    allowed.check(parse_by("community"), [])
    for by, chosen in (("grid", []), ("square:100", []), ("community", ["filter"])):
        with pytest.raises(Forbidden):
            allowed.check(parse_by(by), chosen)
    assert counting(CATALOG, "events", actor_of(POLICY, "officer")).groupings is None
    with pytest.raises(NotFound):
        counting(CATALOG, "events", actor_of(Policy(POLICY.roles.values(), ()), "officer"))
