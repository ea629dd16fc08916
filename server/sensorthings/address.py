"""The path of an address: sets and entities, from one to the next, and what of the last one is asked."""

from __future__ import annotations

import re
from dataclasses import dataclass

from layers.errors import NotFound
from twin.sensing.entity_types import SETS, SensorEntity, leads_to_many, linked_type

_STEPS_MAX = 6
_PART = re.compile(r"(?:'(?:''|[^'])*+'|[^/'])++")
_STEP = re.compile(r"([A-Za-z]+)(?:\('((?:''|[^'])*)'\))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class AddressStep:
    """One step of a path: a link to one or many, and the id of the entity among many.

    Attributes
    ----------
    entity_id
        None for all of many, and for a link to one.
    """

    link: str
    entity: SensorEntity
    entity_id: str | None

    @property
    def is_set(self) -> bool:
        """Whether it stands for many."""
        return leads_to_many(self.link) and self.entity_id is None


@dataclass(frozen=True, slots=True)
class SensorAddress:
    """A path.

    Attributes
    ----------
    steps
        At least one.
    members
        Names of a property of the last entity, and of what is in it.
    is_value, is_reference
        Whether it ends in ``$value`` or ``$ref``.
    """

    steps: tuple[AddressStep, ...]
    members: tuple[str, ...] = ()
    is_value: bool = False
    is_reference: bool = False


def read_address(path: str) -> SensorAddress:
    """Read a path below the root of the service, as ``Things('a')/Datastreams``.

    Raises
    ------
    NotFound
        When there is no such address; the message lists what there is at that place.
    """
    steps: list[AddressStep] = []
    members: list[str] = []
    ending = ""
    for part in _parts(path):
        if ending:
            raise NotFound(f"nothing follows {ending}")
        if part in {"$value", "$ref"}:
            ending = part
        elif members or (steps and not steps[-1].is_set and part in steps[-1].entity.members):
            members.append(part)
        else:
            steps.append(_step(part, steps[-1] if steps else None))
    if len(steps) > _STEPS_MAX or len(members) > _STEPS_MAX or not steps:
        raise NotFound(f"an address has 1 to {_STEPS_MAX} steps")
    if (ending == "$value" and not members) or (ending == "$ref" and members):
        raise NotFound("$value follows a property, and $ref entities")
    return SensorAddress(tuple(steps), tuple(members), ending == "$value", ending == "$ref")


def _parts(path: str) -> list[str]:
    """Split a path at slashes outside of quotes."""
    return list(_PART.findall(path.strip("/")))


def _step(part: str, before: AddressStep | None) -> AddressStep:
    match = _STEP.fullmatch(part)
    if match is None:
        raise NotFound(f"there is no '{part[:60]}'; an entity is written as Things('id')")
    link, named = match[1], match[2]
    if before is not None and before.is_set:
        raise NotFound(f"name one of {before.link} before '{part[:60]}': {before.link}('id')/{part[:60]}")
    target = SETS.get(link) if before is None else linked_type(before.entity, link)
    if target is None:
        allowed = SETS if before is None else (*before.entity.members, *before.entity.links)
        raise NotFound(f"there is no '{link[:60]}' here; there are {', '.join(allowed)}")
    if named is not None and not leads_to_many(link):
        raise NotFound(f"'{link}' is one entity and takes no id")
    return AddressStep(link, target, None if named is None else named.replace("''", "'"))
