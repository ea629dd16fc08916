"""An outlet is data, not code: the file in `config/outlets/` that says who gets what of the log, and in whose name."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from layers.actor import Actor
from layers.catalog import Catalog
from layers.cql2 import FilterLimits
from twin.folder import read_definition
from twin.live.interest import Interest
from twin.live.subscription import SubscriptionParams, read_interest

NAME = r"^[a-z][a-z0-9_]{0,62}$"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Rights(_Frozen):
    """What whoever receives may see; the public's rights when nothing is said."""

    clearance: int = Field(default=2, ge=1, le=4)
    areas: tuple[str, ...] = ()


class Retry(_Frozen):
    """What is done when the other side does not take a batch.

    Attributes
    ----------
    first_s, longest_s
        The first pause and the longest; each is twice the one before.
    park_after_h
        After so long without a success the outlet is parked, until an operator resumes it.
    """

    first_s: float = Field(default=1.0, gt=0, le=3600)
    longest_s: float = Field(default=300.0, gt=0, le=86_400)
    park_after_h: float = Field(default=24.0, gt=0, le=24 * 365)


class _Outlet(_Frozen):
    """What all outlets have.

    Attributes
    ----------
    layers, areas, bbox, filter
        What is sent, as a subscriber of `/live` asks for it.
    rights
        Every change passes them, as it would for a person.
    secret
        Name of what it signs with or logs in with: a file in the home's `secrets`, or ``ONEMAP_SECRET_<NAME>``.
    batch_max
        Changes that are sent at once.
    """

    name: str = Field(pattern=NAME)
    title_zh: str = ""
    title_en: str = ""
    layers: tuple[str, ...] = ()
    areas: tuple[str, ...] = ()
    bbox: tuple[float, float, float, float] | None = None
    filter: str | None = None
    rights: Rights = Rights()
    secret: str | None = Field(default=None, pattern=NAME)
    batch_max: int = Field(default=200, ge=1, le=5000)
    timeout_s: float = Field(default=10.0, gt=0, le=300)
    retry: Retry = Retry()
    enabled: bool = True

    @property
    def actor(self) -> Actor:
        """In whose name it reads."""
        return Actor(f"outlet {self.name}", self.rights.clearance, self.rights.areas)

    def interest(self, catalog: Catalog) -> Interest:
        """Return what it asks for.

        Raises
        ------
        BadInput, NotFound
            When it asks for what is not there, or not its actor's.
        """
        asked = SubscriptionParams(self.layers, self.areas, self.bbox or (), self.filter or "")
        return read_interest(catalog, self.actor, asked, FilterLimits())


class Webhook(_Outlet):
    """Changes as a batch of CloudEvents to an address that an operator has written down; strangers name none."""

    kind: Literal["webhook"]
    url: str = Field(pattern=r"^https?://[^/@\s]+(/\S*)?$")


class Mqtt(_Outlet):
    """Changes to a broker at QoS 1, each under the topic of its feature.

    Attributes
    ----------
    topic
        What topics begin with: ``onemap`` gives ``onemap/events/e1``.
    retain
        Whether the broker keeps the newest of each topic, for those who subscribe later.
    user
        As whom it logs in with the secret; the secret's name when nothing is said.
    """

    kind: Literal["mqtt"]
    url: str = Field(pattern=r"^mqtts?://[^/@\s]+/?$")
    topic: str = Field(default="onemap", pattern=r"^[^#+\x00/][^#+\x00]{0,200}$")
    retain: bool = True
    user: str | None = None
    mqtt_version: Literal["3.1.1", "5"] = "5"


type Outlet = Webhook | Mqtt
_READER: TypeAdapter[Outlet] = TypeAdapter(Annotated[Webhook | Mqtt, Field(discriminator="kind")])


def read_outlet(path: Path) -> Outlet:
    """Read the file of an outlet.

    Raises
    ------
    BadInput
        When it is too large, not YAML, or not an outlet; the message names the file and the fault.
    """
    return read_definition(path, _READER, "an outlet")
