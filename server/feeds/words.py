"""Texts about a feed, for a person at a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from twin.feeds.definition import FeedDefinition
from twin.feeds.times import span
from twin.jobs.feed_health import FeedState, Life

AGE = "age_s"
LIFE: dict[Life, str] = {"off": "停用 off", "never": "未接入 never", "live": "正常 live", "silent": "静默 silent"}


def lacking(definition: FeedDefinition) -> Iterator[str]:
    """Yield the important fields that mappings of events leave out: filters by time and counts by class need them."""
    for mapping in definition.mapping:
        if mapping.kind != "event":
            continue
        if "occurred_at" not in mapping.data:
            yield "! 事件没有 occurred_at，按时间找不到 events without occurred_at are outside of every time"
        if not {"event_class", "event_class_code"} & mapping.data.keys():
            yield "! 事件没有 event_class，将列入待补清单 events without event_class wait to be given one"


def describe(health: FeedState, home: Path) -> Iterator[str]:
    """Yield everything known of a feed, a line each."""
    definition, counters = health.definition, health.counters
    yield f"{definition.name}  {definition.title_zh} {definition.title_en}  [{LIFE[health.life]}]"
    yield f"协议 protocol: {definition.protocol}, {definition.format}, {definition.crs_source}"
    yield f"供给 supplies: {', '.join(definition.supplies)} ({', '.join(definition.kinds)})"
    expected = span(definition.expected_interval_s) or "—"
    yield f"预期间隔 expected every: {expected};  上限 at most {definition.rate_limit_per_s:,}/s"
    words = ("received", "accepted", "duplicate", "late", "suspect", "coalesced", "rejected", "held")
    yield "计数 counters: " + ", ".join(f"{word} {counters.get(word, 0):,}" for word in words)
    if counters:
        yield f"最近 last: {span(counters.get(AGE))} ago;  滞后 lag: {span(counters.get('lag_s'))}"
    for reason, count in health.refused.items():
        yield f"拒收待处理 refused, waiting: {reason} × {count:,}"
    if health.connector is not None:
        connector = health.connector
        yield f"连接 connector: {connector.state} {connector.detail}".rstrip()
        if connector.fault:
            yield f"最近故障 last fault: {connector.fault} ({connector.faulted_at:%Y-%m-%d %H:%M:%S %Z})"
    yield from _how_to_send(definition, home)


def _how_to_send(definition: FeedDefinition, home: Path) -> Iterator[str]:
    yield from definition.how_to_send()
    if definition.secret:
        file = home / "secrets" / definition.secret
        there = "有 there" if file.exists() else f"缺 missing: ./onemap feed secret {definition.secret}"
        yield f"密钥 secret: {file} {there}"
