"""A feed is data, not code: the file in `config/feeds/` that names its protocol, its sender and its mapping.

`FeedDefinition` is what all feeds have. Each protocol is a class of its own over it, with its settings, its words for
people and, where messages are fetched, its connector; `twin.connectors.protocols` is the table of them.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from twin.envelope.message import MessageKind
from twin.feeds.mapping import CrsSource, Mapping
from twin.feeds.rule import PATH, FieldRule
from twin.folder import Folder

type FeedFormat = Literal["cloudevents", "records", "table", "cap", "sensorthings", "ngsi", "jt808"]
type Unknown = Literal["refuse", "hold", "create"]
type Registry = Folder[FeedDefinition]

NAME = r"^[a-z][a-z0-9_]{0,62}$"
_MAPPED: frozenset[FeedFormat] = frozenset({"records", "table"})
_IN_WGS84: frozenset[FeedFormat] = frozenset({"cap", "sensorthings", "ngsi"})  # their standards say so

type Address = Annotated[str, Field(pattern=r"^(mqtts?|https?)://[^/@\s]+(/\S*)?$")]  # never with a password


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class FeedConnection(_Frozen):
    """Where the messages are; each protocol adds its own settings.

    Attributes
    ----------
    encoding
        Of the text of a table, however it comes; None finds it.
    """

    encoding: str | None = None


class Datastream(_Frozen):
    """Subject, property and unit of a SensorThings Datastream."""

    subject: str = Field(pattern=r"^[a-z][a-z0-9_]{0,62}/[^\x00-\x1f]{1,200}$")
    property: str = Field(pattern=NAME)
    unit: str | None = None
    scale: float = 1.0


class EntityProperty(_Frozen):
    """A property of an NGSI-LD entity as an observation.

    Attributes
    ----------
    dataset
        The ``datasetId`` of the instance that is read, ``@none`` for the default one; None reads all.
    """

    property: str = Field(pattern=NAME)
    unit: str | None = None
    scale: float = 1.0
    dataset: str | None = None


class EntityType(_Frozen):
    """Layer and measured properties of an NGSI-LD entity type."""

    layer: str = Field(pattern=NAME)
    id_prefix: str = ""  # taken off the entity's URN
    properties: dict[str, EntityProperty]


class FeedDefinition(_Frozen):
    """What every feed has, whatever its protocol.

    Attributes
    ----------
    usual_format
        Of the protocol, where the file names none.
    is_pushed
        Whether the protocol's senders send to ``POST /feeds/{name}``; otherwise a connector gets the messages.
    source
        The CloudEvents source of all its messages.
    crs_source
        The datum of its coordinates. Declared, never guessed.
    anywhere
        Whether a place may lie farther than 2 km outside the district.
    secret
        Name of the secret its sender signs with: a file in the home's `secrets` folder, or ``ONEMAP_SECRET_<NAME>``.
    expected_interval_s
        After three of these without a message the feed is silent; None expects nothing.
    rate_limit_per_s
        Messages a second; a faster sender is slowed down.
    kinds, supplies
        Kinds of messages it may send, and their collections.
    unknown
        What happens to a message about an unknown feature: it is refused, held until the feature appears, or the
        feature is created at the message's place.
    exercises
        Whether messages of exercises and tests are kept (apart from the live map) or refused.
    records
        Path of the list of records in a body; None means that the body is the list, or one record.
    """

    usual_format: ClassVar[FeedFormat] = "cloudevents"
    is_pushed: ClassVar[bool] = False

    name: str = Field(pattern=NAME)
    title_zh: str
    title_en: str
    protocol: str
    format: FeedFormat = "cloudevents"
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
    def _fill_in(cls, raw: Any) -> Any:
        """Fill in source, connection and format, which follow from name and protocol."""
        if not isinstance(raw, dict):
            return raw
        filled = {"source": f"/feeds/{raw.get('name')}", "connection": {}, **raw}
        if "format" not in filled:
            is_mapped = cls.usual_format == "cloudevents" and filled.get("mapping")
            filled["format"] = "records" if is_mapped else cls.usual_format
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
        forbidden = {m.kind for m in self.mapping} - set(self.kinds)
        if forbidden:
            raise ValueError(f"the mapping makes {sorted(forbidden)}, kinds allows {list(self.kinds)}")
        return self

    @abstractmethod
    def how_to_send(self) -> Iterator[str]:
        """Write for a person, in Chinese and English, how messages reach the feed; a line each."""

    @property
    def own_host(self) -> str | None:
        """Host that the feed itself listens on; None when it does not listen."""
        return None

    @property
    def usual_topic(self) -> str | None:
        """Topic of a message, where messages have one and none is given."""
        return None

    @property
    def sends_password_in_clear(self) -> bool:
        """Whether the feed's password leaves this machine without a cipher."""
        return False
