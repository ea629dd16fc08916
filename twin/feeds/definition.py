"""A feed is data, not code: the file in `config/feeds/` that says where it comes from and how it is read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

from twin.envelope.message import MessageKind
from twin.feeds.mapping import CrsSource, Mapping
from twin.feeds.rule import PATH, FieldRule
from twin.folder import read_definition

type Protocol = Literal["http", "mqtt", "cap", "drop", "sensorthings", "ngsi", "jt808", "pull", "replay"]
type Format = Literal["cloudevents", "records", "table", "cap", "sensorthings", "ngsi", "jt808"]
type Unknown = Literal["refuse", "hold", "create"]

PUSHED: frozenset[Protocol] = frozenset({"http", "cap", "sensorthings", "ngsi"})  # the sender comes to us, over HTTP
NAME = r"^[a-z][a-z0-9_]{0,62}$"
_USUAL_FORMAT: dict[Protocol, Format] = {
    "cap": "cap",
    "drop": "table",
    "sensorthings": "sensorthings",
    "ngsi": "ngsi",
    "jt808": "jt808",
    "pull": "records",
}
_MAPPED: frozenset[Format] = frozenset({"records", "table"})
_IN_WGS84: frozenset[Format] = frozenset({"cap", "sensorthings", "ngsi"})  # their standards say so


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class FeedConnection(_Frozen):
    """Where the messages are, for the protocols that go and get them.

    Attributes
    ----------
    url
        Of the broker (``mqtt://``), of the pages to pull, or of the folder's archive; never with a password.
    topics, group, mqtt_version
        What to subscribe to; workers of one `group` share a subscription.
    user, ca
        Of a broker: who we are (by default as the secret is named, which is the password), and the name of the secret
        that holds the certificate of its authority, when the system does not know it.
    overlap_s
        How far a pull reaches back beyond the last one.
    page_parameter, page_first, since_parameter, since_as
        Names in the address of a pull, the number of its first page, and how it writes a time.
    secret_header
        Where a pull shows its secret; without one it is ``Authorization: Bearer …``.
    connections_max, idle_s, rate_per_s
        Of JT/T 808: how many terminals at once, after how long a silent one is let go, and how many locations a
        second one may send for long.
    pattern
        Names of the files a drop takes, or of the recording a replay plays.
    whole
        Whether a file of a drop is everything there is, or what changed.
    count_file
        Whether a file of a drop waits for ``{its name}.count``, which says how many rows it has.
    speed
        Of a replay: 1 is as it was.
    """

    url: str | None = Field(default=None, pattern=r"^(mqtts?|https?)://[^/@\s]+(/\S*)?$")
    topics: tuple[Annotated[str, Field(min_length=1, max_length=1000)], ...] = Field(default=(), max_length=100)
    group: str | None = Field(default=None, pattern=NAME)
    user: str | None = Field(default=None, min_length=1, max_length=200)
    ca: str | None = Field(default=None, pattern=NAME)
    mqtt_version: Literal["3.1.1", "5"] = "5"
    interval_s: float = Field(default=300, ge=1)
    overlap_s: float = Field(default=600, ge=0)
    page_parameter: str = "page"
    page_first: int = Field(default=1, ge=0, le=1)
    since_parameter: str = "update_time"
    since_as: Literal["iso", "local", "epoch_s", "epoch_ms"] = "iso"
    secret_header: str | None = Field(default=None, pattern=r"^[A-Za-z][A-Za-z0-9-]{0,62}$")
    connections_max: int = Field(default=5000, ge=1, le=50_000)
    idle_s: float = Field(default=300, gt=0)
    rate_per_s: float = Field(default=20, gt=0)
    host: str = "127.0.0.1"
    port: int | None = Field(default=None, ge=1, le=65535)
    pattern: str | None = Field(default=None, pattern=r"^[^/\\]{1,200}$")
    whole: bool = False
    count_file: bool = False
    encoding: str | None = None
    speed: float = Field(default=1, gt=0)


class Datastream(_Frozen):
    """What a SensorThings Datastream measures, where, and in which unit."""

    subject: str = Field(pattern=r"^[a-z][a-z0-9_]{0,62}/[^\x00-\x1f]{1,200}$")
    property: str = Field(pattern=NAME)
    unit: str | None = None
    scale: float = 1.0


class EntityProperty(_Frozen):
    """A property of an NGSI-LD entity as an observation.

    Attributes
    ----------
    dataset
        The ``datasetId`` of the instance that is read, ``@none`` for the default one; None for all of them.
    """

    property: str = Field(pattern=NAME)
    unit: str | None = None
    scale: float = 1.0
    dataset: str | None = None


class EntityType(_Frozen):
    """What an NGSI-LD entity type stands for: its layer, and which properties are measured."""

    layer: str = Field(pattern=NAME)
    id_prefix: str = ""  # taken off the entity's URN
    properties: dict[str, EntityProperty]


class FeedDefinition(_Frozen):
    """A feed.

    Attributes
    ----------
    source
        The CloudEvents source of all its messages; a feed writes no other.
    crs_source
        The datum its coordinates are in. Declared, never guessed.
    anywhere
        Whether what it sends may lie farther than 2 km outside the district.
    secret
        Name of the secret its sender signs with: a file in the home's `secrets` folder, or ``ONEMAP_SECRET_<NAME>``.
    expected_interval_s
        After three of these without a message the feed counts as silent; None when nothing is expected.
    rate_limit_per_s
        Messages a second above which the sender is slowed down.
    kinds, supplies
        What it may send, and of which collections.
    unknown
        What becomes of a message about a feature that is not there: refused, held and taken when it appears, or the
        feature is made where the message says it is.
    exercises
        Whether messages of exercises and tests are kept (apart from the live map) or refused.
    records
        Path of the list of records in a body; None when the body is the list, or one record.
    """

    name: str = Field(pattern=NAME)
    title_zh: str
    title_en: str
    protocol: Protocol
    format: Format = "cloudevents"
    source: str = Field(default="", pattern=r"^[!-~]{0,200}$")
    crs_source: CrsSource
    anywhere: bool = False
    secret: str | None = Field(default=None, pattern=NAME)
    expected_interval_s: float | None = Field(default=None, gt=0)
    rate_limit_per_s: int = Field(default=1000, ge=1, le=100_000)
    kinds: tuple[MessageKind, ...] = Field(min_length=1)
    supplies: tuple[str, ...] = Field(min_length=1)
    unknown: Unknown = "refuse"
    exercises: Literal["keep", "refuse"] = "keep"
    synthetic: bool = False
    enabled: bool = True
    connection: FeedConnection = FeedConnection()
    records: str | None = Field(default=None, pattern=PATH)
    mapping: tuple[Mapping, ...] = ()
    subject: FieldRule | None = None  # of a JT/T 808 terminal; by default the vehicle that has its number
    datastreams: dict[str, Datastream] = {}
    entity_types: dict[str, EntityType] = {}

    @model_validator(mode="before")
    @classmethod
    def _usual(cls, given: Any) -> Any:
        """Fill in what follows from the name and the protocol."""
        if not isinstance(given, dict):
            return given
        filled = {"source": f"/feeds/{given.get('name')}", **given}
        if "format" not in filled:
            usual = _USUAL_FORMAT.get(filled.get("protocol", ""), "cloudevents")
            filled["format"] = "records" if usual == "cloudevents" and filled.get("mapping") else usual
        return filled

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.format in _MAPPED and not self.mapping:
            raise ValueError(f"the format {self.format} needs a mapping")
        if self.format not in _MAPPED and self.mapping:
            raise ValueError(f"the format {self.format} has no mapping; its own standard says what is what")
        if self.format in _IN_WGS84 and self.crs_source not in {"WGS84", "CGCS2000"}:
            raise ValueError(f"the format {self.format} is in WGS84 by its standard, not in {self.crs_source}")
        if self.format == "sensorthings" and not self.datastreams:
            raise ValueError("a sensorthings feed names its datastreams")
        if self.format == "ngsi" and not self.entity_types:
            raise ValueError("an ngsi feed names its entity_types")
        self._reachable()
        forbidden = {m.kind for m in self.mapping} - set(self.kinds)
        if forbidden:
            raise ValueError(f"the mapping makes {sorted(forbidden)}, kinds allows {list(self.kinds)}")
        return self

    def _reachable(self) -> None:
        connection = self.connection
        needed: dict[Protocol, tuple[str, object]] = {
            "mqtt": ("url and topics", connection.url and connection.topics),
            "pull": ("url", connection.url),
            "drop": ("pattern", connection.pattern),
            "replay": ("pattern", connection.pattern),
            "jt808": ("port", connection.port),
        }
        what, given = needed.get(self.protocol, ("", True))
        if not given:
            raise ValueError(f"the protocol {self.protocol} needs connection.{what}")


_READER = TypeAdapter(FeedDefinition)


def read_feed(path: Path) -> FeedDefinition:
    """Read the file of a feed.

    Raises
    ------
    BadInput
        When it is too large, not YAML, or not a feed; the message names the file and the fault.
    """
    return read_definition(path, _READER, "a feed")
