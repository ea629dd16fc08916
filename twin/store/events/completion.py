"""Incomplete events, which have no place or no class and cannot be handled: listed, and completed by a person.

A person's addition is a version of the event, as a rule's is: it is joined like any other, and later versions of the
sender replace only the fields they name.
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
from twin.store.features.check import district_of
from twin.store.place_check import check_places

type Need = Literal["place", "class"]

NAME = "completion"  # the maker of the messages, beside the feeds
SOURCE = "/house/completion"
_OPEN = "onemap.event_is_open(e.stage, e.closed_at) AND e.source IS DISTINCT FROM 'weather_warning'"
_LACKS = {"place": "e.geom IS NULL", "class": "e.event_class IS NULL"}
_COLUMNS = """e.id, e.source, e.title, e.address, e.matter_code, e.event_class, e.place_fault,
    e.extra ->> 'place_given' AS place_given, e.occurred_at, e.due_at"""


@dataclass(frozen=True, slots=True)
class Incomplete:
    """An event that lacks its place or its class.

    Attributes
    ----------
    needs
        What it lacks.
    place_fault, place_given
        The fault of the place its sender gave, and that place as it was written.
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


async def incomplete(
    connection: asyncpg.Connection, *, need: Need | None = None, after: str = "", limit: int = 100
) -> list[Incomplete]:
    """Return incomplete events in the order of their ids.

    Parameters
    ----------
    need
        Only events that lack this; None for either.
    after
        The id of the last one of the page before.
    """
    lacks = _LACKS[need] if need else f"({' OR '.join(_LACKS.values())})"
    flags = ", ".join(f"{condition} AS lacks_{name}" for name, condition in _LACKS.items())
    rows = await connection.fetch(
        f"""SELECT {_COLUMNS}, {flags} FROM layer.events AS e WHERE {_OPEN} AND {lacks} AND e.id > $1
        ORDER BY e.id LIMIT $2""",
        after,
        limit,
    )
    return [_read(dict(row)) for row in rows]


async def incomplete_event(connection: asyncpg.Connection, event_id: str) -> Incomplete | None:
    """Return one incomplete event; None when there is none of this id, or it lacks nothing."""
    flags = ", ".join(f"{condition} AS lacks_{name}" for name, condition in _LACKS.items())
    row = None
    if "\0" not in event_id:
        row = await connection.fetchrow(
            f"SELECT {_COLUMNS}, {flags} FROM layer.events AS e "
            f"WHERE e.id = $1 AND {_OPEN} AND ({' OR '.join(_LACKS.values())})",
            event_id,
        )
    return None if row is None else _read(dict(row))


async def counts(connection: asyncpg.Connection) -> dict[str, int]:
    """Return how many events lack a place, and how many a class."""
    numbers = ", ".join(f"count(*) FILTER (WHERE {condition}) AS {name}" for name, condition in _LACKS.items())
    return dict(await connection.fetchrow(f"SELECT {numbers} FROM layer.events AS e WHERE {_OPEN}"))


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
    event_class: str | None = None,
) -> Message:
    """Return the version of an event that adds what a person found out.

    Parameters
    ----------
    lonlat
        The place, CRS84 degrees; it replaces a place that the event had.
    event_class
        A code of the list `event_class`.

    Raises
    ------
    NotFound
        When there is no such event.
    BadInput
        When both are None, the place cannot be right, or the class is not in the list.
    """
    if lonlat is None and event_class is None:
        raise BadInput("say where it is (lon and lat) or of which class it is (event_class)")
    known = {code.code for code in catalog.code_lists["event_class"].codes}
    if event_class is not None and event_class not in known:
        raise BadInput(
            f"there is no event class '{event_class[:20]}'; known are {', '.join(sorted(known))}",
            parameter="event_class",
        )
    row = await connection.fetchrow("SELECT source FROM layer.events WHERE id = $1", event_id)
    if row is None:
        raise NotFound(f"there is no event '{event_id[:80]}'", parameter="event_id")
    now = datetime.now(UTC)
    place = {} if lonlat is None else {"lon": lonlat[0], "lat": lonlat[1], "location_method": "manual"}
    added = {**place, **({} if event_class is None else {"event_class": event_class})}
    message = read_structured(
        {
            "specversion": "1.0",
            "id": f"{event_id}@{now.isoformat()}",
            "source": SOURCE,
            "type": "cn.gov.district.event.completed",
            "subject": f"events/{event_id}",
            "time": now.isoformat(),
            "data": {"source": row["source"] or "other", **added},
        },
        now=now,
    )
    return _checked(message, catalog)


def _checked(message: Message, catalog: Catalog) -> Message:
    """Check the place as that of a feed's message, and leave out the source of the event: a person amends it."""
    reading = Reading([message])
    check_places(reading, district_of(catalog))
    data = {name: value for name, value in reading.messages[0].data.items() if name != "source"}
    if "place_fault" in data:
        given = f"{message.lon}, {message.lat}"
        raise BadInput(f"{given} (CRS84) cannot be where it is: {data['place_fault']}", parameter="lon")
    return message._replace(data=data)
