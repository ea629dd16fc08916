"""The nearest service sites for a matter, and whether each is open."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import asyncpg
import orjson

from layers.actor import Actor
from layers.catalog import Layer
from layers.read.query import FoundFeatures
from twin.rules.calendar import Calendar
from twin.services.opening import is_open
from twin.surroundings.nearby import nearby
from twin.surroundings.spot import Spot

SITES = "service_sites"
_COMPARED_MAX = 1000  # nearest sites that are looked at


async def sites_near(
    connection: asyncpg.Connection,
    layer: Layer,
    actor: Actor,
    spot: Spot,
    radius_m: float,
    matter: str | None,
    at: datetime,
    calendar: Calendar | None,
) -> FoundFeatures:
    """Return sites that handle a matter, nearest first, each with `open` at a moment.

    The `_COMPARED_MAX` sites that are nearest are looked at.

    Raises
    ------
    BadInput, TooMuch
        When the radius is not allowed.
    """
    found = await nearby(connection, [layer], actor, spot, radius_m, _COMPARED_MAX)
    sites = [orjson.loads(feature) for feature in found.features]
    fitting = [site for site in sites if _handles(site["properties"].get("matter_prefixes"), matter)]
    for site in fitting:
        site["properties"]["open"] = is_open(site["properties"].get("opening_hours"), at, calendar)
    return FoundFeatures(fitting, found.is_whole)


def _handles(prefixes: Sequence[str] | None, matter: str | None) -> bool:
    return matter is None or not prefixes or any(matter.startswith(prefix) for prefix in prefixes)
