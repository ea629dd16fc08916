"""Thresholds over the log: observations and the clock against every rule, with states in memory and in PostGIS."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import asyncpg

from layers.catalog import Catalog
from layers.errors import OneMapError
from twin.log.change import Change, time_of
from twin.rules.alarm import Action, Alarm, advance, calm, observe, wakes_at
from twin.rules.devices import DeviceReader, plain
from twin.rules.messages import Device, alarm_message
from twin.rules.store import RuleWork, read_states
from twin.rules.threshold import Threshold
from twin.rules.trigger import Trigger

_SUMS = """
SELECT a.n, (SELECT sum(o.value) FROM twin.observation AS o WHERE o.id = a.id AND o.property = $4
    AND o.phenomenon_time > a.at - $5::interval AND o.phenomenon_time <= a.at) AS value
FROM unnest($1::bigint[], $2::text[], $3::timestamptz[]) AS a (n, id, at)
"""
_WAITING_MAX = 20_000  # observations of one rule that are judged with one read of the features


class _Reading(NamedTuple):
    """An observation, or the new value of a field."""

    subject: str
    at: datetime
    value: float | str | None
    quality: str | None


class Alarms:
    """Every threshold rule and its open alarms.

    Attributes
    ----------
    faults
        Faults by name of rules that cannot be judged now: their layer or one of its fields does not exist.
    """

    def __init__(self, catalog: Callable[[], Catalog]) -> None:
        self._catalog = catalog
        self._rules: dict[str, Threshold] = {}
        self._devices: dict[str, DeviceReader] = {}
        self._by_source: dict[tuple[str, str, str], list[Threshold]] = {}
        self._alarms: dict[tuple[str, str], Alarm] = {}
        self.faults: dict[str, str] = {}

    async def use(self, connection: asyncpg.Connection, rules: Mapping[str, Threshold]) -> None:
        """Replace the rules; alarms of rules that stay go on, alarms of new rules are read."""
        fresh = [name for name in rules if name not in self._rules]
        self._rules, self.faults = dict(rules), {}
        self._devices = {name: DeviceReader(rule.layer, rule.fields) for name, rule in rules.items()}
        self._by_source = defaultdict(list)
        for rule in rules.values():
            kind = "feature" if rule.of == "field" else "observation"
            self._by_source[kind, rule.layer, "" if rule.of == "field" else rule.observed].append(rule)
        kept = {key: alarm for key, alarm in self._alarms.items() if key[0] in rules}
        for name, subject, state, _ in await read_states(connection, fresh):
            kept[name, subject] = read_alarm(state)
        self._alarms = {key: _with_levels(alarm, len(rules[key[0]].levels)) for key, alarm in kept.items()}

    def wants(self, change: Change) -> bool:
        """Whether a rule uses a change of the log."""
        return _source_of(change) in self._by_source

    async def look(self, connection: asyncpg.Connection, changes: Sequence[Change], work: RuleWork) -> None:
        """Judge changes in their order; each must be one that `wants` accepts."""
        readings: dict[str, list[_Reading]] = defaultdict(list)
        for change in changes:
            for rule in self._by_source[_source_of(change)]:
                if "phenomenon_time" in change:  # some changes of features have none
                    readings[rule.name].append(_reading(change))
        for name, values in readings.items():
            for begin in range(0, len(values), _WAITING_MAX):
                await self._judge(connection, self._rules[name], values[begin : begin + _WAITING_MAX], work)

    async def tick(self, connection: asyncpg.Connection, now: datetime, work: RuleWork) -> None:
        """Advance every alarm to `now`."""
        decided: dict[str, list[tuple[str, Action]]] = defaultdict(list)
        for (name, subject), alarm in list(self._alarms.items()):
            timing = self._rules[name].timing
            wakes = wakes_at(alarm, timing)
            if wakes is not None and wakes <= now:
                after, actions = advance(alarm, now, timing)
                self._keep(name, subject, after, work)
                decided[name] += [(subject, action) for action in actions]
        for name, of_rule in decided.items():
            await self._add_messages(connection, self._rules[name], of_rule, work)

    @property
    def open(self) -> dict[str, int]:
        """Number of open alarms, by rule."""
        counts = dict.fromkeys(self._rules, 0)
        for (name, _), alarm in self._alarms.items():
            counts[name] += alarm.level > 0
        return counts

    async def _judge(
        self, connection: asyncpg.Connection, rule: Threshold, values: Sequence[_Reading], work: RuleWork
    ) -> None:
        fields: Mapping[str, Device] = {}
        try:
            if rule.fields:
                ids = [value.subject for value in values]
                fields = await self._devices[rule.name].read(connection, self._catalog(), ids)
        except OneMapError as error:
            self.faults[rule.name] = error.message
            return
        self.faults.pop(rule.name, None)
        if rule.window is not None:
            values = await _sum_windows(connection, rule, values)
        decided: list[tuple[str, Action]] = []
        for value in values:
            device = fields.get(value.subject)
            if rule.fields and device is None:
                continue
            known = device.fields if device is not None else {}
            observed = plain(known.get(rule.observed)) if rule.of == "field" else value.value
            judged = rule.judge(value.at, observed, known, value.quality)
            before = self._alarms.get((rule.name, value.subject))
            if judged is None or (before is None and not any(judged.above)):
                continue  # a calm alarm needs no state
            before = before or calm(len(rule.levels))
            after, actions = observe(before, judged, rule.timing, rule.repeat)
            if after != before:
                self._keep(rule.name, value.subject, after, work)
            decided += [(value.subject, action) for action in actions]
        await self._add_messages(connection, rule, decided, work)

    async def _add_messages(
        self, connection: asyncpg.Connection, rule: Threshold, actions: Sequence[tuple[str, Action]], work: RuleWork
    ) -> None:
        if not actions:
            return
        try:
            devices = await self._devices[rule.name].read(
                connection, self._catalog(), [subject for subject, _ in actions]
            )
        except OneMapError:  # the alarm is raised all the same
            devices = {}
        for subject, action in actions:
            device = devices.get(subject) or Device(subject, subject, None, None, {})
            work.messages.append(alarm_message(rule, device, action))

    def _keep(self, name: str, subject: str, alarm: Alarm, work: RuleWork) -> None:
        if alarm.is_calm:
            self._alarms.pop((name, subject), None)
            work.kept[name, subject] = None
        else:
            self._alarms[name, subject] = alarm
            work.kept[name, subject] = write_alarm(alarm), None


async def _sum_windows(connection: asyncpg.Connection, rule: Threshold, values: Sequence[_Reading]) -> list[_Reading]:
    """Replace each value by the sum of the window that ends with it; the history holds all values."""
    numbered = list(enumerate(values))
    columns = [n for n, _ in numbered], [v.subject for v in values], [v.at for v in values]
    sums = dict(map(tuple, await connection.fetch(_SUMS, *columns, rule.observed, rule.window)))
    return [value._replace(value=sums.get(n)) for n, value in numbered]


def _source_of(change: Change) -> tuple[str, str, str]:
    observed = change.get("property", "") if change["kind"] == "observation" else ""
    return change["kind"], change["layer"], observed


def _reading(change: Mapping[str, Any]) -> _Reading:
    value = change.get("value")
    value = value if value is not None else change.get("value_text")
    return _Reading(change["id"], time_of(change["phenomenon_time"]), value, change.get("quality_flag"))


def _with_levels(alarm: Alarm, levels: int) -> Alarm:
    """Return an alarm with the number of levels its rule has now; a new level is calm."""
    triggers = [*alarm.triggers, *[Trigger()] * levels]
    return alarm._replace(triggers=tuple(triggers[:levels]))


def write_alarm(alarm: Alarm) -> dict[str, Any]:
    """Return a state as JSON members; orjson writes the times."""
    return alarm._asdict() | {"triggers": [list(trigger) for trigger in alarm.triggers]}


def read_alarm(state: Mapping[str, Any]) -> Alarm:
    """Read a state that `write_alarm` wrote."""
    triggers = tuple(Trigger(raised=raised, since=_moment(since)) for raised, since in state["triggers"])
    times = {name: _moment(state[name]) for name in ("seen_at", "began_at", "alerted_at", "told_at")}
    return Alarm(**{**state, **times, "triggers": triggers})


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
