"""Incomplete events, which have no place or no class and cannot be handled: listed, and completed.

A person's addition is a version of the event, as a rule's is: it is joined like any other, and later versions of the
sender replace only the fields they name. A place that was found by the address alone is such a version too, of the
time of the event: a later version of the sender that has a place replaces it, while a person's place stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import asyncpg

from layers.catalog import Catalog
from layers.errors import BadInput, NotFound
from twin.envelope.message import Message, Reading
from twin.envelope.read import read_structured
from twin.geocoding.attempts import SAME_ADDRESS, AttemptVerdict, PlaceRefusal, UnplacedEvent
from twin.geocoding.search import AddressCandidate
from twin.store.features.check import district_of
from twin.store.place_check import check_places

type Need = Literal["place", "class"]

NAME = "completion"  # the maker of the messages, beside the feeds
SOURCE = "/house/completion"
GEOCODING, GEOCODING_SOURCE = "geocoding", "/house/geocoding"
"""The maker, and the source, of places that were found by the address alone."""
_OPEN = "onemap.event_is_open(e.stage, e.closed_at) AND e.source IS DISTINCT FROM 'weather_warning'"
_GIVEN_UP = f"g.refused_at IS NOT NULL AND {SAME_ADDRESS}"
_LACKS = {"place": f"(e.geom IS NULL AND ({_GIVEN_UP}) IS NOT TRUE)", "class": "e.event_class IS NULL"}
_REFUSED = f"(e.geom IS NULL AND {_GIVEN_UP})"
_FROM = "layer.events AS e LEFT JOIN twin.geocoding AS g ON g.event_id = e.id"
_COLUMNS = f"""CASE WHEN {SAME_ADDRESS} THEN g.verdict END AS verdict,
    CASE WHEN {SAME_ADDRESS} THEN g.confidence END AS confidence,
    CASE WHEN {_GIVEN_UP} THEN g.refusal END AS refusal,
    e.id, e.source, e.title, e.address, e.matter_code, e.event_class, e.place_fault,
    e.extra ->> 'place_given' AS place_given, e.occurred_at, e.due_at"""


_LACKS_ANY = f"({' OR '.join(_LACKS.values())})"
_FLAGS = ", ".join(f"{condition} AS lacks_{name}" for name, condition in _LACKS.items())


@dataclass(frozen=True, slots=True)
class Incomplete:
    """An event that lacks its place or its class.

    Attributes
    ----------
    needs
        What it lacks.
    place_fault, place_given
        The fault of the place its sender gave, and that place as it was written.
    verdict, confidence
        What became of the search for its address, and the confidence of the likeliest one; None when none was made.
    refusal
        Why a person gave its place up; None when nobody did.
    """

    id: str
    source: str | None
    title: str | None
    address: str | None
    matter_code: str | None
    event_class: str | None
    place_fault: str | None
    place_given: str | None
    occurred_at: datetime | None
    due_at: datetime | None
    needs: tuple[Need, ...]
    verdict: AttemptVerdict | None = None
    confidence: float | None = None
    refusal: PlaceRefusal | None = None


async def incomplete(
    connection: asyncpg.Connection,
    *,
    need: Need | None = None,
    refused: bool = False,
    after: str = "",
    limit: int = 100,
) -> list[Incomplete]:
    """Return incomplete events in the order of their ids.

    Parameters
    ----------
    need
        Only events that lack this; None for either.
    refused
        Those alone whose place a person gave up, which do not wait.
    after
        The id of the last one of the page before.
    """
    lacks = _LACKS[need] if need else _LACKS_ANY
    rows = await connection.fetch(
        f"""SELECT {_COLUMNS}, {_FLAGS} FROM {_FROM} WHERE {_OPEN} AND {_REFUSED if refused else lacks} AND e.id > $1
        ORDER BY e.id LIMIT $2""",
        after,
        limit,
    )
    return [_read(dict(row)) for row in rows]


async def incomplete_event(connection: asyncpg.Connection, event_id: str) -> Incomplete | None:
    """Return one incomplete event; None when there is none of this id, or it lacks nothing."""
    row = None
    if "\0" not in event_id:
        row = await connection.fetchrow(
            f"SELECT {_COLUMNS}, {_FLAGS} FROM {_FROM} WHERE e.id = $1 AND {_OPEN} AND ({_LACKS_ANY} OR {_REFUSED})",
            event_id,
        )
    return None if row is None else _read(dict(row))


async def counts(connection: asyncpg.Connection) -> dict[str, int]:
    """Return how many events lack a place, how many a class, and of how many the place was given up."""
    counted = {**_LACKS, "refused": _REFUSED}
    numbers = ", ".join(f"count(*) FILTER (WHERE {condition}) AS {name}" for name, condition in counted.items())
    return dict(await connection.fetchrow(f"SELECT {numbers} FROM {_FROM} WHERE {_OPEN}"))


def _read(row: dict[str, Any]) -> Incomplete:
    lacking: Sequence[Need] = ("place", "class")
    needs = tuple(name for name in lacking if row.pop(f"lacks_{name}"))
    return Incomplete(**row, needs=needs)


async def completed(
    connection: asyncpg.Connection,
    catalog: Catalog,
    event_id: str,
    *,
    lonlat: tuple[float, float] | None = None,
    address: AddressCandidate | None = None,
    event_class: str | None = None,
) -> Message:
    """Return the version of an event that adds what a person found out.

    Parameters
    ----------
    lonlat
        The place, CRS84 degrees; it replaces a place that the event had.
    address
        The standard address that the event is at, in place of `lonlat`.
    event_class
        A code of the list `event_class`.

    Raises
    ------
    NotFound
        When there is no such event.
    BadInput
        When nothing is said, the place cannot be right, or the class is not in the list.
    """
    if lonlat is None and address is None and event_class is None:
        raise BadInput("say where it is (lon and lat, or address_id) or of which class it is (event_class)")
    known = {code.code for code in catalog.code_lists["event_class"].codes}
    if event_class is not None and event_class not in known:
        raise BadInput(
            f"there is no event class '{event_class[:20]}'; known are {', '.join(sorted(known))}",
            parameter="event_class",
        )
    if not await connection.fetchval("SELECT EXISTS (SELECT FROM layer.events WHERE id = $1)", event_id):
        raise NotFound(f"there is no event '{event_id[:80]}'", parameter="event_id")
    place: dict[str, Any] = {}
    if address is not None:
        place = _at_address(address)
    elif lonlat is not None:
        place = {"lon": lonlat[0], "lat": lonlat[1], "location_method": "manual"}
    now = datetime.now(UTC)
    added = {**place, **({} if event_class is None else {"event_class": event_class})}
    message = _addition(event_id, SOURCE, f"{event_id}@{now.isoformat()}", now, added)
    if fault := _place_fault(message, catalog):
        given = f"{message.lon}, {message.lat}"
        raise BadInput(f"{given} (CRS84) cannot be where it is: {fault}", parameter="lon")
    return message


def geocoded(event: UnplacedEvent, address: AddressCandidate, catalog: Catalog) -> Message | None:
    """Return the version of an event that places it at a standard address; None when that cannot be right."""
    now = datetime.now(UTC)
    ident = f"{event.id}@{now.isoformat()}"
    message = _addition(event.id, GEOCODING_SOURCE, ident, event.phenomenon_time or now, _at_address(address))
    return None if _place_fault(message, catalog) else message


def _at_address(address: AddressCandidate) -> dict[str, Any]:
    return {
        "lon": address.lon,
        "lat": address.lat,
        "location_method": "geocode",
        "location_confidence": address.confidence,
        "address_id": address.id,
    }


def _addition(event_id: str, source: str, ident: str, time: datetime, added: dict[str, Any]) -> Message:
    """Return a version that amends an event: it has no source of the event, as those of its sender have."""
    message = read_structured(
        {
            "specversion": "1.0",
            "id": ident,
            "source": source,
            "type": "cn.gov.district.event.completed",
            "subject": f"events/{event_id}",
            "time": time.isoformat(),
            "data": {"source": "other", **added},
        },
        now=datetime.now(UTC),
    )
    return message._replace(data={name: value for name, value in message.data.items() if name != "source"})


def _place_fault(message: Message, catalog: Catalog) -> str | None:
    """Check the place as that of a feed's message."""
    reading = Reading([message])
    check_places(reading, district_of(catalog))
    fault: str | None = reading.messages[0].data.get("place_fault")
    return fault
