"""What somebody must answer for: a place or an object, a matter, and a moment."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

import asyncpg
import orjson

from layers.actor import Actor
from layers.catalog import Catalog
from layers.coordinates.crs import CRS84
from layers.errors import BadInput, NotFound
from layers.read.query import single
from layers.tiers import AREA_CODE, GRID, GRID_CODE, TIER_OF_LAYER, is_grid_code, pad_area_code, parse_code
from twin.surroundings.locate import Located, locate
from twin.surroundings.spot import Spot

_MATTER = re.compile(r"[0-9A-Za-z_.-]{1,40}")
_CODE_CHARACTERS = 20


@dataclass(frozen=True, slots=True)
class Concern:
    """What is asked about.

    Attributes
    ----------
    grid_code
        None where the place lies in no grid that the reader knows of.
    area_codes
        Padded codes of the community, street and district, the finest first.
    feature
        Layer and id of an object; None for a place.
    matter
        A code of a matter or of a class of events; None is whatever is not about a single matter.
    at
        The moment, with a time zone.
    """

    grid_code: str | None
    area_codes: tuple[str, ...]
    feature: tuple[str, str] | None
    matter: str | None
    at: datetime


def read_matter(text: str | None) -> str | None:
    """Parse the code of a matter.

    Raises
    ------
    BadInput
        When it is none.
    """
    if text is not None and not _MATTER.fullmatch(text):
        raise BadInput(
            f"matter is '{text[:60]}'; allowed are up to 40 digits and letters, for example 0406", parameter="matter"
        )
    return text


def concern_of_code(code: str, matter: str | None, at: datetime) -> Concern:
    """Return the concern of an area: a grid, community, street or district by its code.

    Raises
    ------
    BadInput
        When it is no code of an area.
    """
    coded = parse_code(code)
    if coded is None:
        raise BadInput(
            f"grid_code is '{code[:_CODE_CHARACTERS]}'; a code has 15 digits (grid), 12, 9 or 6", parameter="grid_code"
        )
    return _of_codes(coded[1], None, matter, at)


async def concern_of_spot(
    connection: asyncpg.Connection, catalog: Catalog, actor: Actor, spot: Spot, matter: str | None, at: datetime
) -> Concern:
    """Return the concern of a place: of the areas that hold it, as far as the actor knows them.

    Raises
    ------
    NotFound
        When there are no layers of areas.
    """
    return concern_of_located(await locate(connection, catalog, actor, spot), matter, at)


def concern_of_located(found: Located, matter: str | None, at: datetime) -> Concern:
    """Return the concern of a place that was located."""
    known = (found.grid, found.community, found.street, found.district)
    return _of_codes(next((area.code for area in known if area), ""), None, matter, at)


async def concern_of_feature(
    connection: asyncpg.Connection,
    catalog: Catalog,
    actor: Actor,
    feature: tuple[str, str],
    matter: str | None,
    at: datetime,
) -> Concern:
    """Return the concern of an object, which lies where its codes say.

    Raises
    ------
    NotFound
        When the actor sees no such feature.
    """
    layer, feature_id = catalog.visible(feature[0], actor), feature[1]
    text, values = single(layer, actor, feature_id, CRS84).render()
    found = None if "\0" in feature_id else await connection.fetchval(text, *values)
    if found is None:
        raise NotFound(f"there is no feature '{feature_id[:80]}' in '{layer.id}'", parameter="id")
    properties = orjson.loads(found)["properties"]
    tier = TIER_OF_LAYER.get(layer.id)
    own = (properties.get(tier.code_field) or feature_id) if tier else None
    code = own or properties.get(GRID_CODE) or properties.get(AREA_CODE) or ""
    return _of_codes(str(code), (layer.id, feature_id), matter, at)


def _of_codes(code: str, feature: tuple[str, str] | None, matter: str | None, at: datetime) -> Concern:
    coded = parse_code(code)
    short = coded[1] if coded else ""
    digits = [tier.digits for tier in reversed(TIER_OF_LAYER.values()) if tier is not GRID]
    areas = tuple(pad_area_code(short[:number]) for number in digits if len(short) >= number)
    return Concern(short if is_grid_code(short) else None, areas, feature, matter, at)
