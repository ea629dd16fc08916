"""The claims of a token as roles, areas, departments, clearance and attributes, by the mapping of the provider."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

import structlog
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from layers.seldom import Seldom

PUBLIC_USER = "public_user"
"""The role of somebody whom the provider knows and to whom no rule gives another."""
_NOBODYS = frozenset({"operator", "anonymous"})
_ADMINISTRATORS = frozenset({"sysadmin", "security_admin", "auditor"})
_AREA = re.compile(r"\d{6,18}")
_CLEARANCES = {"1": 1, "2": 2, "3": 3, "4": 4}
_VALUES_MAX = 200
_TEXT_MAX = 200
_log = structlog.get_logger(__name__)
_unknown_logged = Seldom()


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


class ClaimSource(BaseModel):
    """Where a value stands in the claims, and what its values mean here.

    Attributes
    ----------
    claims
        Dotted paths (``realm_access.roles``); the values of all are taken together. A path whose name holds dots itself
        (``https://id.example/roles``) is tried as one name first.
    values
        What a value means here; values that are not in it are ignored. Empty means: as it is.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    claims: Annotated[tuple[str, ...], BeforeValidator(_listed)] = Field(min_length=1, max_length=10)
    values: dict[str, str | int | tuple[str, ...]] = Field(default_factory=dict)

    def read(self, claims: Mapping[str, Any]) -> Iterator[str]:
        """Yield the values of the claims, translated."""
        for found in _texts(claims, self.claims):
            if not self.values:
                yield found
                continue
            meant = self.values.get(found)
            yield from meant if isinstance(meant, tuple) else () if meant is None else (str(meant),)


class ClaimsMapping(BaseModel):
    """The section `claims` of a provider's file; what has no source is empty, and grants nothing."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: ClaimSource = ClaimSource(claims=("name", "preferred_username"))
    roles: ClaimSource | None = None
    areas: ClaimSource | None = None
    departments: ClaimSource | None = None
    clearance: ClaimSource | None = None
    attributes: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,40}$")], ClaimSource] = Field(
        default_factory=dict
    )


@dataclass(frozen=True, slots=True)
class Claimed:
    """Who somebody is, by the word of a provider.

    Attributes
    ----------
    provider, subject
        The name of the provider, and the person's `sub` there: together they are the identity.
    roles
        As the provider says; `known_roles` tells which of them count.
    clearance
        The highest grade; None leaves it to the roles.
    """

    provider: str
    subject: str
    name: str
    roles: tuple[str, ...]
    areas: tuple[str, ...] = ()
    departments: tuple[str, ...] = ()
    clearance: int | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The identity, unique over all providers."""
        return f"{self.provider}:{self.subject}"


def claimed_of(provider: str, mapping: ClaimsMapping, claims: Mapping[str, Any]) -> Claimed:
    """Return who the claims of a checked token say somebody is.

    Areas that are no code are ignored, with a line in the log. Whoever has areas claimed of which none is a code has
    no area at all (``("-",)`` matches nothing): a faulty mapping must not open the whole district.
    """
    subject = str(claims["sub"])
    names = _read(mapping.name, claims)
    clearances = [_CLEARANCES[value] for value in _read(mapping.clearance, claims) if value in _CLEARANCES]
    attributes = {name: _read(source, claims)[:1] for name, source in mapping.attributes.items()}
    return Claimed(
        provider=provider,
        subject=subject,
        name=names[0] if names else subject,
        roles=_read(mapping.roles, claims),
        areas=_areas(provider, _read(mapping.areas, claims)),
        departments=_read(mapping.departments, claims),
        clearance=min(clearances) if clearances else None,
        attributes={name: found[0] for name, found in attributes.items() if found},
    )


def _read(source: ClaimSource | None, claims: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the values of a source, each once; none without a source."""
    return tuple(dict.fromkeys(source.read(claims))) if source is not None else ()


def known_roles(claimed: Claimed, known: Collection[str]) -> tuple[str, ...]:
    """Return the roles of somebody that count: those that exist here, else that of the public.

    Nobody is two of the three administrators. `operator` belongs to this machine, and nobody who logs in is anonymous.
    """
    found = tuple(role for role in claimed.roles if role in known and role not in _NOBODYS)
    if len(found) < len(claimed.roles):
        _note(
            "a provider gives roles that do not exist here", claimed.provider, sorted(set(claimed.roles) - set(found))
        )
    if len(_ADMINISTRATORS.intersection(found)) > 1:
        _note("a provider makes one person two administrators; none of it counts", claimed.provider, sorted(found))
        found = tuple(role for role in found if role not in _ADMINISTRATORS)
    return found or (PUBLIC_USER,)


def _areas(provider: str, given: tuple[str, ...]) -> tuple[str, ...]:
    codes = tuple(area for area in given if _AREA.fullmatch(area))
    if len(codes) < len(given):
        _note("a provider gives areas that are no codes", provider, sorted(set(given) - set(codes)))
    return codes or (("-",) if given else ())


def _note(event: str, provider: str, values: list[str]) -> None:
    if (others := _unknown_logged.due()) is not None:
        _log.warning(event, provider=provider, values=values[:10], others=others)


def _texts(claims: Mapping[str, Any], paths: tuple[str, ...]) -> Iterator[str]:
    """Yield the texts and whole numbers at some paths, within limits; other kinds of values are ignored."""
    for path in paths:
        found = _at(claims, path)
        for value in (found if isinstance(found, list) else [found])[:_VALUES_MAX]:
            if isinstance(value, str | int) and not isinstance(value, bool) and 0 < len(str(value)) <= _TEXT_MAX:
                yield str(value)


def _at(claims: Mapping[str, Any], path: str) -> Any:
    if path in claims:
        return claims[path]
    value: Any = claims
    for step in path.split("."):
        value = value.get(step) if isinstance(value, Mapping) else None
    return value
