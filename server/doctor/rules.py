"""Checks of the rules: files with a fault, and calendars that lack years which limits need."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

from server.doctor.machine import Finding, FindingState, well
from twin.rules.calendar import Calendar
from twin.rules.registry import read_rules


def examine_rules(folder: Path, today: date) -> Iterator[Finding]:
    """Check a folder of rules; calendars are checked for the limits of `today`."""
    rules = read_rules(folder)
    for fault in rules.faults.values():
        yield Finding(FindingState.WRONG, "规则 rules", fault, "mend the file; what runs takes it up by itself")
    for name, rule in sorted(rules.by_name.items()):
        if isinstance(rule, Calendar):
            yield _calendar(folder / f"{name}.yaml", rule, today)


def _calendar(file: Path, calendar: Calendar, today: date) -> Finding:
    subject, lacking = f"工作日历 calendar {calendar.name}", calendar.lacking(today)
    if not lacking:
        return well(subject, f"knows the holidays of {', '.join(map(str, sorted(calendar.years)))}")
    years = ", ".join(map(str, lacking))
    detail = f"{years} 年节假日未录入 the holidays of {years} are missing: limits in working time count weekends only"
    remedy = f"put the days of the State Council's yearly notice 国务院办公厅节假日安排通知 and the year into {file}"
    return Finding(FindingState.WARNING, subject, detail, remedy)
