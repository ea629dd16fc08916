"""Messages of rules for the pipeline; repeated, a message keeps its identity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import orjson

from layers.live_source import EVENTS
from twin.envelope.message import Message, message_without_measurement
from twin.rules.alarm import Action
from twin.rules.case import Amendment
from twin.rules.cluster import Cluster, ClusterPoint, ClusterRule
from twin.rules.threshold import Threshold

VERSIONS_FROM = 2**40  # a feed's versions are below 2**31, so a rule's version of the same time wins
_TYPE = "cn.gov.district.event"
_TIMES = ("phenomenon_time", "sent_time")


class Device(NamedTuple):
    """The feature of an alarm, with the fields that its rule uses; degrees CRS84."""

    feature_id: str
    name: str
    lon: float | None
    lat: float | None
    fields: Mapping[str, Any]


def alarm_message(rule: Threshold, device: Device, action: Action) -> Message:
    """Return a version of the event of an alarm."""
    began = f"{action.began_at:%Y%m%dT%H%M%S%f}".removesuffix("000000")
    fields: dict[str, Any] = {
        "source": "iot_alarm",
        "rule_id": rule.name,
        "alert_count": action.alerts,
        "last_alert_at": action.alerted_at,
        "last_action": action.step,
    }
    if action.level > 0:
        fields["severity"] = rule.levels[action.level - 1].severity
    if action.rose:  # a milder level keeps the title of the worst
        fields["title"] = _title(rule, device, action.value)
    if action.step == "raise":
        fields |= _opening(rule, device, action)
    if action.step == "clear" and rule.event.on_clear == "close":
        fields |= {"stage": "closed", "closed_at": action.at}
    event_id = f"iot_alarm-{began[:8]}-{rule.name}-{device.feature_id}-{began[9:]}"[:200]
    place = (device.lon, device.lat) if action.step == "raise" else (None, None)
    return _event(rule.name, event_id, action.number, action.at, f"iot_alarm.{action.step}", fields, place)


def amendment_message(rule_name: str, event_id: str, amendment: Amendment) -> Message:
    """Return a version of an event with only the fields that a rule changes."""
    return _event(rule_name, event_id, amendment.number, amendment.at, "amended", amendment.fields)


def parent_message(rule: ClusterRule, cluster: Cluster, place: tuple[float, float] | None) -> Message:
    """Return a version of the parent event of a cluster; the first has the place of the founding event."""
    anchor = cluster.anchor
    fields: dict[str, Any] = {
        "source": "other",
        "rule_id": rule.name,
        "alert_count": cluster.size,
        "last_alert_at": cluster.last_at,
        "title": f"{rule.title_zh}：{cluster.size} 起（分类 {anchor.event_class}）",
    }
    if cluster.number == 1:
        fields |= {
            "event_class": anchor.event_class,
            "severity": rule.severity,
            "stage": "file",
            "level_current": rule.level,
            "occurred_at": cluster.first_at,
            "reported_at": cluster.last_at,
            "location_method": "area",
        }
    where = place if place is not None and cluster.number == 1 else (None, None)
    return _event(rule.name, cluster.parent_id, cluster.number, cluster.last_at, "cluster", fields, where)


def child_message(rule: ClusterRule, cluster: Cluster, child: ClusterPoint) -> Message:
    """Return a version of an event that names its parent."""
    fields = {"parent_event_id": cluster.parent_id}
    return _event(rule.name, child.event_id, 1, max(child.at, cluster.anchor.at), "cluster_child", fields)


def closing_message(rule_name: str, parent_id: str, number: int, at: datetime) -> Message:
    """Return the version that closes a parent event."""
    fields = {"stage": "closed", "closed_at": at, "last_action": "clear"}
    return _event(rule_name, parent_id, number, at, "cluster_closed", fields)


def pack(messages: Sequence[Message]) -> list[str]:
    """Return messages as JSON for the outbox."""
    return [orjson.dumps(message._asdict()).decode() for message in messages]


def unpack(text: str) -> Message:
    """Read a message of the outbox."""
    members = orjson.loads(text)
    members |= {name: datetime.fromisoformat(members[name]) for name in _TIMES if members[name] is not None}
    data = members["data"]
    data |= {name: datetime.fromisoformat(value) for name, value in data.items() if name.endswith("_at") and value}
    return Message(**members)


def _opening(rule: Threshold, device: Device, action: Action) -> dict[str, Any]:
    return {
        "event_class": rule.event.event_class,
        "stage": "collect",
        "level_current": rule.event.level,
        "occurred_at": action.began_at,
        "reported_at": action.at,
        "device_ids": [device.feature_id],
        "location_method": "device",
    }


def _title(rule: Threshold, device: Device, value: float | str | None) -> str:
    shown = f"{value:g}" if isinstance(value, int | float) else str(value)
    values = {"{name}": device.name, "{id}": device.feature_id, "{value}": shown}
    title = rule.event.title
    for mark, text in values.items():
        title = title.replace(mark, text)
    return title[:200]


def _event(
    rule_name: str,
    event_id: str,
    number: int,
    at: datetime,
    verb: str,
    fields: Mapping[str, Any],
    place: tuple[float | None, float | None] = (None, None),
) -> Message:
    stage = fields.get("stage")
    return message_without_measurement(
        "event",
        f"/rules/{rule_name}",
        event_id,
        f"{_TYPE}.{verb}",
        layer=EVENTS,
        feature_id=event_id,
        phenomenon_time=at,
        version=VERSIONS_FROM + number,
        lonlat=place,
        stage=stage if isinstance(stage, str) else None,
        data={name: value for name, value in fields.items() if value is not None},
    )
