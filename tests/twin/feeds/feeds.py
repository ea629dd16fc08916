"""The shipped feeds, and the clock of the tests."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from twin.connectors.protocols import parse_feed, read_feed
from twin.envelope.message import Message, Reading
from twin.feeds.decode import Delivery, decode
from twin.feeds.definition import FeedDefinition

CONFIG = Path(__file__).resolve().parents[3] / "config" / "feeds"
NOW = datetime(2026, 6, 8, 2, 0, tzinfo=UTC)


def feed(name: str, **changed: object) -> FeedDefinition:
    definition = read_feed(CONFIG / f"{name}.yaml")
    return parse_feed(definition.model_dump(by_alias=True, exclude_none=True) | changed)


def take(definition: FeedDefinition, body: bytes, **delivery: object) -> Reading:
    return decode(definition, Delivery(body, **delivery), now=NOW)


def only(reading: Reading) -> Message:
    assert not reading.refused, reading.refused
    (message,) = reading.messages
    return message
