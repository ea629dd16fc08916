"""A message of a feed as it was read: one flat immutable record for every format."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, NamedTuple

from twin.envelope.refused import Refusal

type MessageKind = Literal["event", "observation", "position", "feature_change"]
type MessageMode = Literal["actual", "exercise", "test"]
type FeatureKey = tuple[str, str]  # the layer and the id in it

KINDS: tuple[MessageKind, ...] = ("event", "observation", "position", "feature_change")
MODES: tuple[MessageMode, ...] = ("actual", "exercise", "test")


class Message(NamedTuple):
    """An event, an observation, a position or a change of a feature.

    A named tuple: a frozen dataclass of this width takes 4 µs to make, a tuple 0.2, and `zip(*messages)` turns a
    batch into columns. Times are aware datetimes in UTC, as the database driver takes them.

    Attributes
    ----------
    kind
        The kind of message.
    source, id, version
        Its identity: sent twice, it counts once.
    type
        The CloudEvents type, for example ``cn.gov.district.observation.created``.
    layer, feature_id
        Its feature: the collection and the id in it.
    phenomenon_time
        The time it happened or was measured, in UTC.
    sent_time
        The time the sender sent it, in UTC; None when it is not given.
    mode
        ``exercise`` and ``test`` must never reach the live map.
    suspect
        Whether its time is later than the time of reading by more than `SUSPECT_AFTER`.
    lon, lat
        CRS84 degrees; None together when the message has no place of its own.
    property_code, value, value_text, unit, quality
        Of an observation; `unit` is UCUM. A missing measurement has neither value nor text.
    speed_kmh, heading_deg
        Of a position; degrees clockwise from true north.
    stage
        Of an event.
    data
        The rest, checked and copied: all fields of an event (times as datetimes), the fields of a position or an
        observation beside those above, `change` and `properties` of a change.
    """

    kind: MessageKind
    source: str
    id: str
    version: int
    type: str
    layer: str
    feature_id: str
    phenomenon_time: datetime
    sent_time: datetime | None
    mode: MessageMode
    suspect: bool
    lon: float | None
    lat: float | None
    property_code: str | None
    value: float | None
    value_text: str | None
    unit: str | None
    quality: str | None
    speed_kmh: float | None
    heading_deg: float | None
    stage: str | None
    data: dict[str, Any]

    @property
    def subject(self) -> str:
        """The CloudEvents subject: the layer and the id in it."""
        return f"{self.layer}/{self.feature_id}"

    @property
    def identity(self) -> tuple[str, str, int]:
        """The identity of the message: sent twice, it counts once."""
        return self.source, self.id, self.version


def message_without_measurement(
    kind: MessageKind,
    source: str,
    identifier: str,
    type_name: str,
    *,
    layer: str,
    feature_id: str,
    phenomenon_time: datetime,
    data: dict[str, Any],
    version: int = 1,
    sent_time: datetime | None = None,
    mode: MessageMode = "actual",
    suspect: bool = False,
    lonlat: tuple[float | None, float | None] = (None, None),
    stage: str | None = None,
) -> Message:
    """Return a message that this service makes: a version of an event, or a change of a feature."""
    return Message(
        kind=kind,
        source=source,
        id=identifier,
        version=version,
        type=type_name,
        layer=layer,
        feature_id=feature_id,
        phenomenon_time=phenomenon_time,
        sent_time=sent_time,
        mode=mode,
        suspect=suspect,
        lon=lonlat[0],
        lat=lonlat[1],
        property_code=None,
        value=None,
        value_text=None,
        unit=None,
        quality=None,
        speed_kmh=None,
        heading_deg=None,
        stage=stage,
        data=data,
    )


@dataclass(slots=True)
class Reading:
    """The messages of a body.

    Attributes
    ----------
    messages, refused, held
        Messages to be written, refused ones, and those that wait for their feature to appear.
    ignored
        The number of messages that are of no interest.
    places
        The place of each message in the body, by its identity; only for records.
    """

    messages: list[Message] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    ignored: int = 0
    held: list[Refusal] = field(default_factory=list)
    places: dict[tuple[str, str, int], int] = field(default_factory=dict)

    @property
    def received(self) -> int:
        """The number of all messages."""
        return len(self.messages) + len(self.refused) + len(self.held) + self.ignored

    def place(self, index: int) -> int:
        """Return the place in the body of the message of this index; in a table, its line."""
        return self.places.get(self.messages[index].identity, index)
