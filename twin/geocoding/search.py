"""Search in the address library: candidates with a confidence, never a silent first hit."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from typing import Any, Literal

import asyncpg
from pydantic import BaseModel, Field

from layers.actor import Actor
from layers.catalog import Layer
from layers.clause import Clause, bind, compose, join
from layers.errors import NotFound
from layers.read.query import FoundFeatures, ItemsQuery, find_features
from layers.read.rights import plain_fields
from twin.geocoding.parse import AddressParts, bigrams, parse_address

ADDRESSES = "addresses"
CERTAIN, CLEAR = 0.9, 0.1
"""One candidate is certain from this confidence on, when the next one is so much less likely."""
_POOL_MAX = 400  # rows that are compared
_GRAMS_MAX = 24
_EMPTY = FoundFeatures((), is_whole=True)
_LEADING = re.compile(r"\d+")
_NEEDED = frozenset({"address", "road_name", "house_number"})
_WEIGHTS = {"road": 0.5, "number": 0.3, "street": 0.1, "building": 0.1}
type Verdict = Literal["unique", "ambiguous", "none"]


class AddressCandidate(BaseModel):
    """A standard address that may be meant."""

    layer: str = ADDRESSES
    id: str
    address: str | None
    lon: float | None = Field(description="CGCS2000, degrees; null where its place is not shown")
    lat: float | None
    confidence: float = Field(ge=0, le=1)
    matched: list[str] = Field(description="the parts that agree: road, number, street, building")
    grid_code: str | None = None


class AddressSearch(BaseModel):
    """What was understood of an address, and which standard addresses may be meant, the likeliest first."""

    q: str
    parts: dict[str, str | None]
    verdict: Verdict = Field(
        description="unique: one is certain; ambiguous: a person decides; none: nothing is like it"
    )
    complete: bool = Field(
        description="没有未比较的 false: more addresses are like it than were compared; none of them is certain then"
    )
    candidates: list[AddressCandidate]


async def search_addresses(
    connection: asyncpg.Connection, layer: Layer, actor: Actor, given: str, limit: int, certain: float = CERTAIN
) -> AddressSearch:
    """Return the addresses that may be meant, as far as the actor sees them.

    Parameters
    ----------
    certain
        The confidence from which one of them may be certain.

    Raises
    ------
    BadInput
        When there is no address.
    """
    parts = parse_address(given)
    pool = _EMPTY
    if plain_fields(layer, actor).keys() >= _NEEDED:
        pool = await _pool(connection, layer, actor, parts)
    candidates = await asyncio.to_thread(_ranked, parts, pool.features)
    named = ("district", "street", "community", "road", "number", "building", "room")
    return AddressSearch(
        q=given,
        parts={name: getattr(parts, name) for name in named},
        verdict=verdict_of([one.confidence for one in candidates], is_whole=pool.is_whole, certain=certain),
        complete=pool.is_whole,
        candidates=candidates[:limit],
    )


async def one_address(connection: asyncpg.Connection, layer: Layer, actor: Actor, address_id: str) -> AddressCandidate:
    """Return an address that a person has chosen, with the confidence 1.

    Raises
    ------
    NotFound
        When the actor sees no address of this id with a place.
    """
    found = _EMPTY
    if "\0" not in address_id:
        where = compose("f.id = {}", bind(address_id, "text"))
        found = await find_features(connection, ItemsQuery(layer, actor, where, limit=1))
    coordinates = (found.features[0]["geometry"] or {}).get("coordinates") if found.features else None
    if coordinates is None:
        raise NotFound(f"there is no address '{address_id[:80]}' with a place", parameter="address_id")
    told = found.features[0]["properties"]
    return AddressCandidate(
        id=address_id,
        address=told.get("address"),
        lon=coordinates[0],
        lat=coordinates[1],
        confidence=1.0,
        matched=[],
        grid_code=told.get("grid_code"),
    )


def verdict_of(confidences: Sequence[float], *, is_whole: bool = True, certain: float = CERTAIN) -> Verdict:
    """Return whether the first of some confidences, the highest first, is certain.

    Parameters
    ----------
    is_whole
        Whether all that are alike were compared; otherwise another one may be meant.
    certain
        The confidence from which the first may be certain.
    """
    if not confidences:
        return "none"
    second = confidences[1] if len(confidences) > 1 else 0.0
    is_certain = is_whole and confidences[0] >= certain and confidences[0] - second >= CLEAR
    return "unique" if is_certain else "ambiguous"


async def _pool(connection: asyncpg.Connection, layer: Layer, actor: Actor, parts: AddressParts) -> FoundFeatures:
    """Return features to compare: of the named road; else those that share characters that follow each other."""
    if parts.road is not None:
        found = await _read(connection, layer, actor, _on_road(parts))
        if found.features:
            return found
    own = "".join(filter(None, (parts.road, parts.rest))) or parts.text
    grams = bind(sorted(bigrams(own))[:_GRAMS_MAX], "text[]")
    for shares in ("@>", "&&"):  # all of them, else any: every address of a district shares the district's name
        found = await _read(connection, layer, actor, compose(f"onemap.bigrams(f.address) {shares} {{}}", grams))
        if found.features:
            return found
    return _EMPTY


def _on_road(parts: AddressParts) -> Clause:
    road = compose("f.road_name = {}", bind(parts.road, "text"))
    if parts.number is None:
        return road
    return join(
        " AND ", (road, compose("substring(f.house_number FROM '^[0-9]+') = {}", bind(_lead(parts.number), "text")))
    )


async def _read(connection: asyncpg.Connection, layer: Layer, actor: Actor, where: Clause) -> FoundFeatures:
    return await find_features(connection, ItemsQuery(layer, actor, where, limit=_POOL_MAX))


def _ranked(parts: AddressParts, rows: Sequence[dict[str, Any]]) -> list[AddressCandidate]:
    found = [_candidate(parts, row) for row in rows]
    return sorted((one for one in found if one.confidence > 0), key=lambda one: (-one.confidence, one.id))


def _candidate(parts: AddressParts, row: dict[str, Any]) -> AddressCandidate:
    """Compare an address with one of the library, part by part."""
    told = row["properties"]
    scores = {
        "road": _alike(parts.road or parts.rest, told.get("road_name") or told.get("address") or ""),
        "number": _number_alike(parts.number, told.get("house_number")),
        "street": _equal(parts.street, told.get("street_name")),
        "building": _equal(parts.building, told.get("building_no")),
    }
    asked = {name: score for name, score in scores.items() if score is not None}
    weight = sum(_WEIGHTS[name] for name in asked) or 1.0
    confidence = sum(_WEIGHTS[name] * score for name, score in asked.items()) / weight
    if parts.number is None:
        confidence *= 0.6  # a road alone is no address
    lon, lat = (row["geometry"] or {}).get("coordinates", (None, None))[:2]
    return AddressCandidate(
        id=row["id"],
        address=told.get("address"),
        lon=lon,
        lat=lat,
        confidence=round(confidence, 3),
        matched=[name for name, score in asked.items() if score == 1.0],
        grid_code=told.get("grid_code"),
    )


def _alike(one: str, other: str) -> float:
    """Return the share of pairs of characters that two names have in common (Dice), 1 for the same name."""
    if not one or not other:
        return 0.0
    first, second = bigrams(one), bigrams(other)
    return 2 * len(first & second) / (len(first) + len(second))


def _number_alike(asked: str | None, stored: str | None) -> float | None:
    """Return how alike two house numbers are: 1 for the same, less for a part of it; None when none was asked for."""
    if asked is None:
        return None
    if stored is None:
        return 0.0
    if asked == stored:
        return 1.0
    return 0.6 if _lead(asked) == _lead(stored) else 0.0


def _lead(number: str) -> str:
    found = _LEADING.match(number)
    return found[0] if found else number


def _equal(asked: str | None, stored: str | None) -> float | None:
    """Return 1 for the same name and 0 for another; None where one of the two has none."""
    if asked is None or not stored:
        return None
    return 1.0 if asked.removesuffix("办事处") == stored else 0.0
