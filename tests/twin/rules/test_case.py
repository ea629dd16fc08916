"""Limits and escalation: the table of the domain reference, row by row, and the laws of judging."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from twin.rules.calendar import LOCAL, Calendar
from twin.rules.case import EventCase, judge
from twin.rules.facts import read_facts
from twin.rules.limits import Limits

SHIPPED = Path(__file__).parents[3] / "config" / "rules"
CALENDAR = Calendar.model_validate(yaml.safe_load((SHIPPED / "workdays.yaml").read_text(encoding="utf-8")))
LIMITS = Limits.model_validate(yaml.safe_load((SHIPPED / "handling.yaml").read_text(encoding="utf-8")))
MONDAY = datetime(2026, 6, 8, 10, 0, tzinfo=LOCAL)  # at work


def local(text):
    return datetime.strptime(f"2026-06-{text}", "%Y-%m-%d %H:%M").replace(tzinfo=LOCAL)


def event(**said):
    at = said.pop("at", MONDAY)
    return {"id": "e1", "source": "grid_case", "phenomenon_time": at, "reported_at": MONDAY, **said}


class Story:
    """An event that is judged, with its amendments applied as the fold of versions does."""

    def __init__(self, **said) -> None:
        self.state, self.case, self.log, self.returned = event(**said), EventCase(), [], 0

    def says(self, **said):
        self.state |= said
        return self

    def judged(self, *moments):
        for now in moments:
            facts = read_facts(self.state, self.returned)
            self.case, amendments = judge(LIMITS, CALENDAR, self.case, facts, now)
            for amendment in amendments:
                self.state |= amendment.fields
                self.log.append(amendment)
        return self

    @property
    def steps(self):
        return [
            (rule, amendment.at.astimezone(LOCAL).strftime("%d %H:%M"), amendment.fields.get("level_current"))
            for amendment in self.log
            for rule in amendment.fields.get("rule_ids", ())
        ]


def minutes(number):
    return MONDAY + timedelta(minutes=number)


DANGER = {"severity": "1"}
FLOOD = {"event_class": "0406"}
ALARM = {"source": "iot_alarm"}
HOTLINE = {"source": "hotline"}
ORDINARY = {"event_class": "0199"}
EMERGENCY = {"source": "emergency_report"}
AT_NIGHT = datetime(2026, 6, 8, 22, 0, tzinfo=LOCAL)
LIMIT_TABLE = [  # row, steps done, end of the running clock
    (DANGER, {}, "08 10:05"),
    (DANGER, {"accepted_at": minutes(3)}, "08 10:08"),
    (DANGER, {"accepted_at": minutes(3), "dispatched_at": minutes(6)}, "08 12:06"),
    (DANGER, {"accepted_at": minutes(3), "dispatched_at": minutes(6), "handled_at": minutes(60)}, "08 13:00"),
    (FLOOD, {}, "08 10:10"),
    (FLOOD, {"accepted_at": minutes(5)}, "08 10:15"),
    (FLOOD, {"accepted_at": minutes(5), "dispatched_at": minutes(9)}, "08 11:09"),
    (FLOOD, {"accepted_at": minutes(5), "dispatched_at": minutes(9), "handled_at": minutes(40)}, "08 12:40"),
    (ALARM, {}, "08 10:15"),
    (ALARM, {"accepted_at": minutes(5)}, None),
    (HOTLINE, {}, "09 17:30"),
    (HOTLINE, {"accepted_at": minutes(60)}, "09 17:30"),
    (HOTLINE, {"accepted_at": minutes(60), "dispatched_at": minutes(90)}, "15 17:30"),
    (HOTLINE, {"accepted_at": minutes(60), "dispatched_at": minutes(90), "handled_at": minutes(300)}, "09 17:30"),
    (ORDINARY, {}, "08 10:30"),
    (ORDINARY, {"accepted_at": minutes(20)}, "08 11:20"),
    (ORDINARY, {"accepted_at": minutes(20), "dispatched_at": minutes(50)}, "15 17:30"),
    ({"event_class": "0102"}, {"dispatched_at": minutes(50)}, "09 17:30"),
    ({"event_class": "0104"}, {"dispatched_at": minutes(50)}, "09 08:50"),
    ({"event_class": "0103"}, {"dispatched_at": minutes(50)}, "12 17:30"),
    ({"event_class_code": "4401060101"}, {"dispatched_at": minutes(50)}, "30 17:30"),
    ({"event_class": "0105"}, {"dispatched_at": minutes(50)}, "30 17:30"),
    (ORDINARY, {"dispatched_at": minutes(50), "handled_at": minutes(60)}, "08 17:00"),
    ({"source": "weather_warning", "severity": "red"}, {}, None),
    *((EMERGENCY | {"severity": level}, {}, "08 10:05") for level in "ⅠⅡⅢⅣ"),
    (EMERGENCY, {}, "08 10:05"),
    (EMERGENCY | {"event_class": "0101"}, {"accepted_at": minutes(3), "dispatched_at": minutes(6)}, "08 12:06"),
    ({"source": "hotline", "severity": "Ⅲ"}, {}, "08 10:05"),
]


@pytest.mark.parametrize(("row", "done", "due"), LIMIT_TABLE)
def test_every_cell_of_the_table_of_limits(row, done, due):
    story = Story(**row, **done).judged(minutes(1))
    said = story.state.get("due_at")
    assert (said.astimezone(LOCAL).strftime("%d %H:%M") if said else None) == due


DOMAIN_TABLE = {  # the table of limits of the domain reference, 4.7; None is not limited
    "danger_to_life": ("5 min", "5 min", "30 min", "2 h", "2 h"),
    "water_on_road": ("10 min", "10 min", "60 min", None, "2 h"),
    "alarm_unconfirmed": ("15 min", None, None, None, None),
    "hotline": ("1 wd", "1 wd", None, "5 wd", "1 wd"),
    "city_management": ("30 wmin", "1 wh", None, "5 wd", "4 wh"),
}
DOMAIN_CLASSES = {"0101": "15 wd", "0102": "1 wd", "0103": "4 wd", "0104": "5 wh", "0105": "15 wd"}


def test_the_file_says_what_the_table_of_the_domain_says():
    rows = {row["id"]: row for row in yaml.safe_load((SHIPPED / "handling.yaml").read_text(encoding="utf-8"))["rows"]}
    clocks = ("accept", "dispatch", "arrive", "handle", "verify")
    assert {name: tuple(row.get(clock) for clock in clocks) for name, row in rows.items()} == DOMAIN_TABLE
    assert rows["city_management"]["handle_by_class"] == DOMAIN_CLASSES


codes = yaml.safe_load((SHIPPED.parents[1] / "layers/definitions/codes/event_source.yaml").read_text(encoding="utf-8"))
sources = st.sampled_from([code["code"] for code in codes["codes"]])


@given(
    source=sources,
    severity=st.sampled_from("ⅠⅡⅢⅣ1"),
    kind=st.sampled_from([None, "0101", "0104", "04", "0406", "0601"]),
    begins=st.integers(0, 366 * 24 * 60),
)
def test_an_emergency_never_waits_for_working_time(source, severity, kind, begins):
    at = MONDAY + timedelta(minutes=begins)
    facts = read_facts(event(at=at, reported_at=at, source=source, severity=severity, event_class=kind))
    case, _ = judge(LIMITS, CALENDAR, EventCase(), facts, at)
    assert case.due_at - at == timedelta(minutes=5)
    assert case.report_due_at is None or case.report_due_at - at == timedelta(minutes=30)


def test_a_road_that_collapses_at_night_is_accepted_at_night():
    at = AT_NIGHT
    story = Story(at=at, reported_at=at, source="emergency_report", severity="Ⅲ").judged(at)
    assert story.state["due_at"] == at + timedelta(minutes=5)


ESCALATIONS = [  # facts, time of the judgement, escalations with their times, level
    (DANGER, [2], []),
    (DANGER, [3], [("accept_half", "08 10:02", None)]),
    (DANGER, [5], [("accept_half", "08 10:02", None), ("accept_over", "08 10:05", "street")]),
    (
        DANGER,
        [11],
        [
            ("accept_half", "08 10:02", None),
            ("accept_over", "08 10:05", "street"),
            ("accept_over_twice", "08 10:10", "district"),
        ],
    ),
    (DANGER | {"accepted_at": minutes(1)}, [60], []),
    (DANGER | {"accepted_at": minutes(1), "dispatched_at": minutes(2)}, [31], []),
    (DANGER | {"accepted_at": minutes(1), "dispatched_at": minutes(2)}, [32], [("arrive_over", "08 10:32", None)]),
    (
        DANGER | {"dispatched_at": minutes(2), "extra": {"arrived_at": "2026-06-08T10:20:00+08:00"}},
        [97, 98],
        [("handle_yellow", "08 11:38", None)],
    ),
    (
        DANGER | {"dispatched_at": minutes(2), "extra": {"arrived_at": "2026-06-08T10:20:00+08:00"}},
        [122],
        [("handle_yellow", "08 11:38", None), ("handle_red", "08 12:02", "street")],
    ),
    (FLOOD, [10], [("accept_half", "08 10:05", None), ("accept_over", "08 10:10", "street")]),
    (ALARM, [15], [("accept_half", "08 10:07", None), ("accept_over", "08 10:15", "street")]),
    (ORDINARY, [30], [("accept_half", "08 10:15", None), ("accept_over", "08 10:30", "street")]),
    (
        ORDINARY | {"level_current": "street"},
        [30],
        [("accept_half", "08 10:15", None), ("accept_over", "08 10:30", "district")],
    ),
    (
        ORDINARY | {"level_current": "district"},
        [30],
        [("accept_half", "08 10:15", None), ("accept_over", "08 10:30", "district")],
    ),
    (
        ORDINARY | {"level_current": "city"},
        [30],
        [("accept_half", "08 10:15", None), ("accept_over", "08 10:30", "city")],
    ),
    (HOTLINE, [60 * 24], [("accept_half", "09 09:15", None)]),
    (HOTLINE | {"severity": "Ⅲ", "accepted_at": MONDAY}, [1], [("to_district", "08 10:00", "district")]),
    (HOTLINE | {"severity": "Ⅳ", "accepted_at": MONDAY}, [1], [("emergency_to_street", "08 10:00", "street")]),
    (
        HOTLINE | {"severity": "Ⅱ", "accepted_at": MONDAY},
        [1],
        [("to_district", "08 10:00", "district"), ("tell_city", "08 10:00", "district")],
    ),
    (HOTLINE | {"extra": {"casualties": 1}, "accepted_at": MONDAY}, [1], [("to_district", "08 10:00", "district")]),
    (HOTLINE | {"extra": {"casualties": 0}, "accepted_at": MONDAY}, [1], []),
    (
        HOTLINE | {"area_codes": ["440106011001", "440106012"], "accepted_at": MONDAY},
        [1],
        [("to_district", "08 10:00", "district")],
    ),
    (HOTLINE | {"area_codes": ["440106011001", "440106011002"], "accepted_at": MONDAY}, [1], []),
    (DANGER | {"stage": "suspended"}, [600], []),
    (DANGER | {"stage": "closed", "closed_at": minutes(1)}, [600], []),
    (DANGER | {"duplicate_of": "e0"}, [600], []),
    ({"source": "weather_warning", "severity": "red"}, [100_000], []),
]


@pytest.mark.parametrize(("state", "judged", "steps"), ESCALATIONS)
def test_every_rule_of_escalation(state, judged, steps):
    assert Story(**state).judged(*map(minutes, judged)).steps == steps


def test_returned_twice_is_supervised_by_the_district():
    story = Story(source="hotline", stage="returned", accepted_at=MONDAY, returned=1)
    story.returned = 1
    assert story.judged(minutes(1)).steps == []
    story.returned = 2
    assert story.says(phenomenon_time=minutes(50)).judged(minutes(60)).steps == [
        ("returned_twice", "08 10:50", "district")
    ]
    assert story.log[-1].fields["notify_levels"] == ["district"]
    assert story.judged(minutes(70)).steps == [("returned_twice", "08 10:50", "district")], "each comes once"


def test_overdue_follows_the_clock_that_runs():
    story = Story(event_class="0199").judged(minutes(0), minutes(31))
    assert story.state["overdue"] is True
    assert story.log[-1].at == minutes(30)
    story.says(accepted_at=minutes(40), phenomenon_time=minutes(40)).judged(minutes(41))
    assert story.state["overdue"] is False
    assert story.state["due_at"] == minutes(100)
    story.says(stage="closed", phenomenon_time=minutes(50)).judged(minutes(10_000))
    assert len(story.log) == story.case.number
    assert story.case.wakes_at is None


def test_the_limit_of_a_ticket_goes_before_the_table():
    ticket = local("10 12:00")
    story = Story(source="hotline", due_at=ticket, accepted_at=MONDAY, dispatched_at=MONDAY).judged(local("10 11:59"))
    assert story.state["due_at"] == ticket
    assert [step[0] for step in story.steps] == ["handle_yellow"]
    story.judged(local("10 12:01"))
    assert story.state["overdue"] is True
    assert story.steps[-1] == ("handle_red", "10 12:00", "street")
    story.says(due_at=local("12 12:00"), phenomenon_time=local("10 13:00")).judged(local("10 13:01"))
    assert story.state["overdue"] is False, "the sender has put it off"
    assert story.case.wakes_at == local("12 12:00")


def test_a_stage_tells_what_its_times_do_not():
    story = Story(event_class="0199", stage="collect").judged(minutes(5))
    assert story.state["due_at"] == minutes(30)
    story.says(stage="dispatch", phenomenon_time=minutes(10)).judged(minutes(11))
    assert story.state["due_at"] == minutes(70)
    story.says(stage="handle", phenomenon_time=minutes(20)).judged(minutes(21))
    assert story.state["due_at"] == local("15 17:30")
    story.says(stage="verify", phenomenon_time=minutes(100)).judged(minutes(101))
    assert story.state["due_at"] == local("09 08:40")


def test_reports_of_an_emergency_are_due():
    story = Story(source="emergency_report", severity="Ⅳ", accepted_at=MONDAY, level_current="street").judged(
        minutes(1)
    )
    assert story.state["report_due_at"] == minutes(30)
    story.judged(minutes(31))
    assert story.state["report_overdue"] is True
    story.says(extra={"reported_by_phone_at": minutes(32).isoformat()}, phenomenon_time=minutes(32)).judged(minutes(33))
    assert story.state["report_due_at"] == minutes(60)
    assert story.state["report_overdue"] is False


def test_a_first_amendment_says_the_level():
    assert Story(event_class="0199").judged(minutes(1)).state["level_current"] == "community"


kinds = st.sampled_from([DANGER, FLOOD, ALARM, HOTLINE, ORDINARY, {"severity": "Ⅱ"}])
stages = st.sampled_from([None, "collect", "file", "dispatch", "handle", "returned"])
judgings = st.lists(st.integers(0, 5000), max_size=12).map(sorted)


@given(kind=kinds, stage=stages, judged=judgings)
def test_however_seldom_it_is_judged_the_history_is_the_same(kind, stage, judged):
    often = Story(**kind, stage=stage).judged(*map(minutes, [*judged, 5000]))
    once = Story(**kind, stage=stage).judged(minutes(5000))
    assert often.log == once.log
    assert often.state == once.state
    assert often.case == once.case


@given(kind=kinds, stage=stages, judged=judgings)
def test_it_wakes_when_something_will_be(kind, stage, judged):
    story = Story(**kind, stage=stage).judged(*map(minutes, judged or [0]))
    said = len(story.log)
    if story.case.wakes_at is None:
        assert len(story.judged(minutes(1_000_000)).log) == said
    else:
        assert story.case.wakes_at > minutes((judged or [0])[-1])
        assert len(story.judged(story.case.wakes_at - timedelta(seconds=1)).log) == said
        assert len(story.judged(story.case.wakes_at).log) > said


def test_what_has_no_time_is_not_judged():
    assert read_facts({"id": "e1", "source": "hotline"}) is None
    facts = read_facts({"id": "e1", "occurred_at": "2026-06-08T02:00:00Z", "closed_at": "broken"})
    assert facts.known_at == datetime(2026, 6, 8, 2, tzinfo=UTC)
    assert facts.source == "other"
