"""The table of protocols, and the reading of feeds by it. A new protocol is a module with its class and a line here."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import PlainValidator, TypeAdapter, ValidationError, create_model
from pydantic.fields import FieldInfo

from twin.connectors.drop import DropFeed
from twin.connectors.mqtt import MqttFeed
from twin.connectors.phones import PhonesFeed
from twin.connectors.pull import PullFeed
from twin.connectors.pushed import CapFeed, HttpFeed, NgsiFeed, SensorThingsFeed
from twin.connectors.replay import ReplayFeed
from twin.connectors.terminal import TerminalFeed
from twin.feeds.definition import FeedDefinition, Registry
from twin.folder import Folder, read_definition

PROTOCOLS: dict[str, type[FeedDefinition]] = {
    "http": HttpFeed,
    "mqtt": MqttFeed,
    "cap": CapFeed,
    "drop": DropFeed,
    "sensorthings": SensorThingsFeed,
    "ngsi": NgsiFeed,
    "jt808": TerminalFeed,
    "pull": PullFeed,
    "phones": PhonesFeed,
    "replay": ReplayFeed,
}


def parse_feed(raw: Any) -> FeedDefinition:
    """Validate a feed by the class of its protocol.

    Raises
    ------
    ValidationError
        When it is not a feed. Locations of the faults are those in the file, without the protocol in front.
    """
    feed = PROTOCOLS.get(str(raw.get("protocol"))) if isinstance(raw, dict) else None
    if feed is None:
        names: Any = Literal[tuple(PROTOCOLS)]
        unknown = create_model("FeedDefinition", __base__=FeedDefinition, protocol=(names, ...), connection=(Any, None))
        return unknown.model_validate(raw)
    return feed.model_validate(_without_foreign(raw, _settings(feed)))


_READER: TypeAdapter[FeedDefinition] = TypeAdapter(Annotated[FeedDefinition, PlainValidator(parse_feed)])


def read_feed(path: Path) -> FeedDefinition:
    """Read the file of a feed.

    Raises
    ------
    BadInput
        When it is too large, not YAML, or not a feed; the message names the file and the fault.
    """
    return read_definition(path, _READER, "a feed")


def read_registry(folder: Path) -> Registry:
    """Read the feeds of a folder; `renewed` reads the changed files again."""
    return Folder(folder, read_feed).renewed()


def _settings(feed: type[FeedDefinition]) -> Mapping[str, FieldInfo]:
    connection = feed.model_fields["connection"].annotation
    return getattr(connection, "model_fields", {})


def _without_foreign(raw: dict[str, Any], own: Mapping[str, FieldInfo]) -> dict[str, Any]:
    """Leave out valid or empty settings of other protocols: a file whose protocol was changed may have them."""
    connection = raw.get("connection")
    if not isinstance(connection, dict):
        return raw
    every = {name: setting for feed in PROTOCOLS.values() for name, setting in _settings(feed).items()}
    foreign = {name for name in connection if name in every and name not in own}
    left_out = {name for name in foreign if _is_valid(every[name], connection[name])}
    return {**raw, "connection": {name: value for name, value in connection.items() if name not in left_out}}


def _is_valid(setting: FieldInfo, value: Any) -> bool:
    kind: Any = Annotated[setting.annotation, setting]
    try:
        TypeAdapter(kind).validate_python(value)
    except ValidationError:
        return not value
    return True
