"""Positions against fences in bulk: the same as one position and one fence at a time."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
import shapely

from layers.coordinates.crs import STORED_SRID, transform
from layers.coordinates.district_crs import measuring_srid
from twin.rules.fences.area_set import AreaFacts, AreaSet
from twin.rules.fences.definition import Fence
from twin.rules.fences.tracker import PositionFix, Tracker
from twin.rules.fences.transition import Terms, removal_reports, step

NOON = datetime(2026, 6, 8, 4, tzinfo=UTC)
ORIGIN_M = np.array([431200.0, 2559800.0])
FENCE = Fence.model_validate(
    {
        "name": "test",
        "kind": "fence",
        "title_zh": "围栏",
        "title_en": "Fences",
        "movers": {"layer": "vehicles"},
        "areas": {"layer": "fences"},
        "dwell": "2 min",
        "gap": "3 min",
    }
)


def lonlat(xy_m):
    return transform(np.asarray(xy_m, dtype=np.float64).reshape(-1, 2) + ORIGIN_M, measuring_srid(), STORED_SRID)


def areas_of(shapes, margin_m=15.0):
    facts = [AreaFacts(f"a{n}", f"围栏{n}", 1) for n in range(len(shapes))]
    moved = shapely.transform(np.array(shapes, dtype=object), lambda xy: xy + ORIGIN_M)
    return AreaSet.of(facts, moved, margin_m)


def fix(mover, seconds, x, y):
    lon, lat = lonlat((x, y))[0]
    return PositionFix(mover, NOON + timedelta(seconds=seconds), float(lon), float(lat))


def told(events):
    return [(event.fix.mover, event.area.area_id, *event.report) for event in events]


def oracle(fence, shapes, fixes):
    """Step one position after the other, each with every fence."""
    terms = Terms(fence.fixes, fence.dwell, fence.gap)
    last, stays, found = {}, {}, []
    for one in fixes:
        x, y = (transform(np.array([[one.lon, one.lat]]), STORED_SRID, measuring_srid()) - ORIGIN_M)[0]
        here, before = shapely.Point(x, y), last.get(one.mover)
        if before is not None and one.at <= before[0]:
            continue
        for n, shape in enumerate(shapes):
            near = "near" if shape.buffer(fence.margin_m, quad_segs=8).intersects(here) else "out"
            relation = "in" if shape.intersects(here) else near
            through = before is not None and shapely.LineString([before[1], here]).intersects(shape)
            last_at = before[0] if before is not None else None
            stay, more = step(stays.get((one.mover, n)), relation, one.at, last_at, terms, through=through)
            stays[one.mover, n] = stay
            found += [(one.mover, f"a{n}", *event) for event in more]
        last[one.mover] = one.at, here
    return found, {(mover, f"a{n}"): stay for (mover, n), stay in stays.items() if stay is not None}


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("fixes", [1, 2])
def test_in_bulk_it_is_the_same_as_one_by_one(seed, fixes):
    numbers = random.Random(seed)
    shapes = [shapely.box(x, y, x + 120, y + 80) for x in range(0, 600, 150) for y in range(0, 400, 130)]
    shapes.append(shapely.box(100, 100, 400, 300))  # over others
    fence = FENCE.model_copy(update={"fixes": fixes})
    walks = []
    for mover in range(6):
        x, y, seconds = numbers.uniform(0, 600), numbers.uniform(0, 400), 0.0
        for _ in range(60):
            seconds += numbers.choice([5, 20, 60, 60, 200, -10])
            x, y = x + numbers.gauss(0, 60), y + numbers.gauss(0, 60)
            walks.append((seconds + numbers.random(), fix(f"v{mover}", seconds, x, y)))
    course = [one for _, one in sorted(walks, key=lambda pair: pair[0])]
    tracker, events = Tracker(fence, areas_of(shapes), {}), []
    rest = list(course)
    while rest:
        size = numbers.randint(1, 40)
        events += tracker.observe(rest[:size])
        rest = rest[size:]
        if numbers.random() < 0.3:  # stored and read again: the last positions come from the history
            again = Tracker(fence, areas_of(shapes), tracker.stays)
            again.recall([last[0] for last in tracker._last.values()])
            tracker = again
    expected, stays = oracle(fence, shapes, course)
    assert sorted(told(events)) == sorted(expected)
    assert {key: kept.stay for key, kept in tracker.stays.items()} == stays
    assert len(expected) > 20


def test_a_way_that_leads_through_without_a_position_inside_is_a_crossing():
    tracker = Tracker(FENCE, areas_of([shapely.box(100, 0, 120, 50)]), {})
    events = tracker.observe([fix("v1", 0, 50, 25), fix("v1", 10, 200, 25)])
    assert [(event.report.action, event.area.area_id) for event in events] == [("cross", "a0")]
    assert tracker.observe([fix("v1", 300, 50, 25)]) == [], "after a gap nobody knows the way"


def test_only_the_actions_that_are_asked_for_are_told():
    quiet = FENCE.model_copy(update={"actions": frozenset({"exit"}), "fixes": 1})
    tracker = Tracker(quiet, areas_of([shapely.box(0, 0, 100, 100)]), {})
    course = [fix("v1", 0, 50, 50), fix("v1", 10, 500, 50), fix("v1", 20, -500, 50)]
    assert [event.report.action for event in tracker.observe(course)] == ["exit"]


def test_who_stands_still_dwells_by_the_clock():
    tracker = Tracker(FENCE, areas_of([shapely.box(0, 0, 100, 100)]), {})
    tracker.observe([fix("v1", 0, 50, 50), fix("v1", 10, 51, 50)])
    assert tracker.tick(NOON + timedelta(seconds=119)) == []
    (event,) = tracker.tick(NOON + timedelta(seconds=121))
    assert event.report == ("dwell", NOON + timedelta(seconds=120), NOON)
    assert tracker.tick(NOON + timedelta(hours=1)) == []


def test_areas_that_go_let_everybody_out_and_areas_that_come_are_entered():
    tracker = Tracker(FENCE, areas_of([shapely.box(0, 0, 100, 100)]), {})
    tracker.observe([fix("v1", 0, 50, 50), fix("v1", 10, 51, 50)])
    events = tracker.replace(areas_of([]), NOON + timedelta(seconds=30))
    assert [(event.report.action, event.area.name) for event in events] == [("exit", "围栏0")]
    assert tracker.stays == {}
    assert tracker.observe([fix("v1", 40, 50, 50)]) == []
    tracker.replace(areas_of([shapely.box(0, 0, 100, 100)]), NOON + timedelta(seconds=50))
    events = tracker.observe([fix("v1", 60, 50, 50), fix("v1", 70, 51, 50)])
    assert [event.report.action for event in events] == ["enter"]


def test_a_stay_that_only_gets_older_is_not_written_again():
    tracker = Tracker(FENCE, areas_of([shapely.box(0, 0, 100, 100)]), {})
    tracker.observe([fix("v1", 0, 50, 50), fix("v1", 10, 51, 50)])
    tracker.changed.clear()
    tracker.observe([fix("v1", 20, 52, 50), fix("v1", 30, 53, 50)])
    assert tracker.changed == set()


def test_who_is_only_entering_leaves_no_trace_when_the_fence_ends():
    stay, _ = step(None, "in", NOON, None, Terms(2, None, timedelta(minutes=5)))
    assert removal_reports(stay, NOON) == []
