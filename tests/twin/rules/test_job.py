"""The job of the rules over a real database, killed at the worst moments."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.databases import count_rows
from tests.twin.rules.conftest import NOON, P

pytestmark = pytest.mark.anyio


def after(minutes):
    return NOON + timedelta(minutes=minutes)


async def test_a_level_above_its_warning_raises_an_event_and_clears_it(house):
    level = [house.observation("water_level_stations", "S1", n, "level_m", 2.2) for n in range(3)]
    await house.send(*level)
    await house.work(2)
    assert await house.events() == []
    await house.work(3.1)  # no message since
    (event,) = await house.events()
    assert event["title"] == "车陂涌1号水位站水位超警戒：2.2 m"
    assert (event["source"], event["severity"], event["stage"]) == ("iot_alarm", "3", "collect")
    assert (event["occurred_at"], event["reported_at"], event["device_ids"]) == (NOON, after(3), ["S1"])
    assert event["grid_code"] == "440106011001001"
    assert event["place"] == f"POINT({P[0]} {P[1]})"
    await house.send(*(house.observation("water_level_stations", "S1", n, "level_m", 2.6) for n in range(4, 8)))
    await house.work(8)
    (event,) = await house.events()
    assert (event["severity"], event["alert_count"]) == ("2", 4)
    await house.send(house.observation("water_level_stations", "S1", 9, "level_m", 1.95))  # within the band
    await house.work(10)
    await house.send(*(house.observation("water_level_stations", "S1", n, "level_m", 1.8) for n in range(20, 31)))
    await house.work(31)
    (event,) = await house.events()
    assert (event["stage"], event["closed_at"]) == ("closed", after(30))
    assert await count_rows(house.owner, "twin.rule_state WHERE rule = 'water_level'") == 0


async def test_a_level_without_a_datum_is_not_judged(house):
    await house.send(*(house.observation("water_level_stations", "S2", n, "level_m", 9.0) for n in range(10)))
    await house.work(20)
    assert await house.events() == []


async def test_rain_of_an_hour_is_added_up_late_data_included(house):
    await house.owner.execute("INSERT INTO layer.rain_gauges (id, name, data_grade) VALUES ('G1', '雨量站', 1)")
    rain = [house.observation("rain_gauges", "G1", 5 * n, "rain_mm", 4.0) for n in range(5)]
    await house.send(rain[0], rain[1], rain[3])
    await house.work(16)
    await house.send(rain[2])  # late: history only
    await house.work(17)
    assert await house.events() == []
    await house.send(rain[4])
    await house.work(21)
    assert await house.events() == []  # 20 mm are not more than 20
    await house.send(house.observation("rain_gauges", "G1", 25, "rain_mm", 0.5))
    await house.work(26)
    (event,) = await house.events()
    assert event["title"] == "雨量站 1 小时雨量 20.5 mm"


@pytest.mark.parametrize("how", ["before", "after"])
async def test_killed_between_deciding_and_saying_it_says_it_once(house, how):
    await house.send(house.observation("flood_risk_points", "F1", 0, "water_depth_m", 0.4))
    await house.work(0)
    await house.killed(how, 2)
    await house.work(2)
    (event,) = await house.events()
    assert event["severity"] == "2"
    assert len(await house.versions(event["id"])) == 2  # raised, and its limit
    assert await count_rows(house.owner, "twin.rule_outbox") == 0


async def test_a_decision_stands_whatever_is_read_after_the_kill(house):
    """An alarm raised by the clock, killed before it is sent; the next observation would have prevented it."""
    await house.send(house.observation("flood_risk_points", "F1", 0, "water_depth_m", 0.4))
    await house.work(0)
    await house.killed("before", 2)
    await house.send(house.observation("flood_risk_points", "F1", 0.5, "water_depth_m", 0.0))
    await house.work(3)
    (event,) = await house.events()
    assert event["stage"] == "collect"
    await house.work(6)
    (event,) = await house.events()
    assert event["stage"] == "closed"


async def test_limits_and_escalation_are_versions_that_say_only_their_own(house):
    await house.send(house.event("e1", source="grid_case", title="路面不洁", severity="1", reported_at=0))
    await house.work(1)
    (event,) = await house.events()
    assert (event["due_at"], event["level_current"], event["title"]) == (after(5), "community", "路面不洁")
    assert (event["source_event_id"], event["source_version"], event["phenomenon_time"]) == ("m1", 1, NOON)
    await house.work(6)
    (event,) = await house.events()
    assert (event["overdue"], event["level_current"], event["rule_ids"]) == (True, "street", ["accept_over"])
    await house.send(house.event("e1", 7, 2, place=None, source="grid_case", stage="dispatch", accepted_at=7))
    await house.work(8)
    (event,) = await house.events()
    assert (event["stage"], event["level_current"], event["overdue"]) == ("dispatch", "street", False)
    assert event["due_at"] == after(12)
    await house.work(200)
    versions = await house.versions("e1")
    steps = [(row["phenomenon_time"], row["record"]) for row in versions]
    assert [at for at, _ in steps] == sorted(at for at, _ in steps)
    await house.send(house.event("e1", 8, 3, place=None, source="grid_case", stage="closed", closed_at=8))
    await house.work(300)
    assert len(await house.versions("e1")) == len(versions) + 1


async def test_what_happened_while_nobody_worked_is_dated_as_it_was(house):
    await house.send(house.event("e1", severity="1", reported_at=0))
    await house.work(1000)
    assert len(await house.versions("e1")) == 1, "the rest of its story may be on its way"
    await house.work(1000.1)
    rows = await house.versions("e1")
    assert [row["phenomenon_time"] for row in rows] == [NOON, NOON, after(2.5), after(5), after(10)]
    (event,) = await house.events()
    assert (event["level_current"], event["overdue"]) == ("district", True)


async def test_a_story_that_comes_late_is_judged_when_it_is_whole(house):
    """A source that was offline sends version after version; the first alone would have been escalated."""
    await house.send(house.event("e1", 0, 1, severity="1", reported_at=0))
    await house.work(1000)
    await house.send(house.event("e1", 1, 2, severity="1", stage="dispatch", reported_at=0, accepted_at=1))
    await house.work(1000.02)
    await house.send(house.event("e1", 3, 3, severity="1", stage="closed", reported_at=0, closed_at=3))
    await house.work(1000.04)
    await house.work(1001)
    (event,) = await house.events()
    assert (event["level_current"], event["overdue"], event["stage"]) == (None, None, "closed")


async def test_an_event_sent_back_twice_goes_to_the_district(house):
    for n, stage in enumerate(["handle", "returned", "returned", "handle", "returned"]):
        await house.send(house.event("e1", n, n + 1, source="hotline", stage=stage, reported_at=0, accepted_at=0))
        await house.work(n)
        (event,) = await house.events()
        assert event["level_current"] == ("district" if n == 4 else "community")
    assert event["notify_levels"] == ["district"]


async def test_five_of_a_class_become_children_of_one_and_close_it(house):
    for n in range(5):
        place = (P[0] + 0.0003 * n, P[1])
        await house.send(house.event(f"e{n}", n, place=place, event_class="0406", reported_at=n, accepted_at=n))
        if n == 2:
            await house.killed("before", n)
    await house.killed("after", 5)
    await house.work(6)
    (parent,) = await house.events("id LIKE 'cluster-%'")
    children = await house.events("parent_event_id IS NOT NULL")
    assert [child["id"] for child in children] == [f"e{n}" for n in range(5)]
    assert {child["parent_event_id"] for child in children} == {parent["id"]}
    assert (parent["level_current"], parent["alert_count"], parent["occurred_at"]) == ("street", 5, NOON)
    assert parent["place"] is not None
    await house.send(house.event("e5", 20, event_class="0406", reported_at=20, accepted_at=20))
    await house.work(21)
    (parent,) = await house.events("id LIKE 'cluster-%'")
    assert parent["alert_count"] == 6
    for n in range(6):
        await house.send(house.event(f"e{n}", 30 + n, 2, place=None, stage="closed", closed_at=30 + n))
        await house.work(36)
        (parent,) = await house.events("id LIKE 'cluster-%'")
        assert (parent["closed_at"] is None) == (n < 5)
    assert parent["closed_at"] == after(35)


async def test_a_broken_file_leaves_the_old_rule_in_force(house):
    path = house.folder / "flood_depth.yaml"
    text = path.read_text(encoding="utf-8")
    await house.work(0)
    path.write_text(text.replace("above: 0.15", "above: much"), encoding="utf-8")
    await house.send(house.observation("flood_risk_points", "F1", 0, "water_depth_m", 0.2))
    await house.work(2)
    assert len(await house.events()) == 1
    assert "flood_depth.yaml" in house.round._rules.faults
    path.write_text(text.replace("above: 0.15", "above: 0.10"), encoding="utf-8")
    await house.send(house.observation("flood_risk_points", "F2", 3, "water_depth_m", 0.12))
    await house.work(5)
    assert len(await house.events()) == 2
    assert house.round._rules.faults == {}


async def test_a_rule_over_a_layer_that_is_not_there_says_so(house):
    text = (house.folder / "flood_depth.yaml").read_text(encoding="utf-8")
    text = text.replace("name: flood_depth", "name: other").replace("above: 0.15", "above: {field: no_such_field}")
    (house.folder / "other.yaml").write_text(text, encoding="utf-8")
    await house.send(house.observation("flood_risk_points", "F1", 0, "water_depth_m", 0.2))
    await house.work(2)
    state = await house.owner.fetchval("SELECT state ->> 'faults' FROM twin.cursor WHERE name = 'rules'")
    assert "no_such_field" in state
    assert len(await house.events()) == 1


async def test_two_of_the_job_never_both_work(house):
    from layers.errors import Conflict  # noqa: PLC0415

    first, followed = house.round, house.follower
    await house.start()
    await house.send(house.observation("flood_risk_points", "F1", 0, "water_depth_m", 0.2))
    await house.work(0)
    with pytest.raises(Conflict):
        await first.go(followed)
    await followed.__aexit__(None, None, None)
