"""An outlet is data, not code: a file in `config/outlets/` with the receiver, the selection and the rights."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from layers.actor import Actor
from layers.catalog import Catalog
from layers.cql2 import FilterLimits
from layers.policy.policy import Policy
from twin.folder import read_definition
from twin.live.interest import Interest
from twin.live.subscription import SubscriptionParams, read_interest

NAME = r"^[a-z][a-z0-9_]{0,62}$"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Rights(_Frozen):
    """Rights of the receiver; the public's by default.

    Attributes
    ----------
    role, departments
        Of the policy; without a role, or without a policy, the clearance alone decides.
    clearance
        The highest data grade; of a role, that of the role at most.
    areas
        Prefixes of area codes.
    """

    role: str | None = Field(default=None, pattern=NAME)
    departments: tuple[str, ...] = ()
    clearance: int = Field(default=1, ge=1, le=4)
    areas: tuple[str, ...] = ()

    def actor(self, name: str, policy: Policy | None) -> Actor:
        """Return the actor of an outlet with these rights."""
        if self.role is None:
            return Actor(name, self.clearance, self.areas)
        if policy is None:
            return Actor(name, 1, self.areas)
        clearance = policy.clearance_of([self.role])
        asked = self.clearance if "clearance" in self.model_fields_set else clearance
        return Actor(
            name,
            min(asked, clearance),
            self.areas,
            roles=(self.role,),
            departments=self.departments,
            policy=policy,
        )


class Retry(_Frozen):
    """Retries of a batch that the receiver does not take.

    Attributes
    ----------
    first_s, longest_s
        The first pause and the longest, seconds; each is twice the one before.
    park_after_h
        Hours without a success after which the outlet is parked, until an operator resumes it.
    """

    first_s: float = Field(default=1.0, gt=0, le=3600)
    longest_s: float = Field(default=300.0, gt=0, le=86_400)
    park_after_h: float = Field(default=24.0, gt=0, le=24 * 365)


class _Outlet(_Frozen):
    """Fields of all outlets.

    Attributes
    ----------
    layers, areas, bbox, filter
        Selection of changes, with the meaning they have for a subscriber of `/live`.
    rights
        Applied to every change, as they would be for a person.
    secret
        Name of the secret that signs or logs in: a file in the home's `secrets`, or ``ONEMAP_SECRET_<NAME>``.
    batch_max
        Largest number of changes in a batch.
    notices
        What else is sent: ``break_glass`` is who took higher rights, and who acknowledged it. An outlet that asks for
        notices and selects no changes sends them alone.
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
    notices: tuple[Literal["break_glass"], ...] = ()

    @property
    def sends_changes(self) -> bool:
        """Whether it sends changes of layers."""
        return not self.notices or bool(self.layers or self.areas or self.bbox or self.filter)

    def actor(self, policy: Policy | None) -> Actor:
        """Return the actor that reads the log for this outlet; no more than the public where there is no policy."""
        return self.rights.actor(f"outlet {self.name}", policy)

    def interest(self, catalog: Catalog, policy: Policy | None = None) -> Interest:
        """Return the selection as an interest in changes.

        Raises
        ------
        BadInput, NotFound
            When a layer, field or area does not exist or is hidden from its actor.
        """
        params = SubscriptionParams(self.layers, self.areas, self.bbox or (), self.filter or "")
        return read_interest(catalog, self.actor(policy), params, FilterLimits())


class Webhook(_Outlet):
    """Batches of CloudEvents to an address; only an operator's file can name one."""

    kind: Literal["webhook"]
    url: str = Field(pattern=r"^https?://[^/@\s]+(/\S*)?$")


class Mqtt(_Outlet):
    """Changes to a broker at QoS 1, each under the topic of its feature.

    Attributes
    ----------
    topic
        Prefix of topics: ``onemap`` gives ``onemap/events/e1``.
    retain
        Whether the broker keeps the newest message of each topic for later subscribers.
    user
        User name for the login with the secret; by default the secret's name.
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
        When the file is too large, not YAML, or not an outlet; the message names the file and the fault.
    """
    return read_definition(path, _READER, "an outlet")
