"""Events that nobody can handle yet, because they have no place or no class: listed, and completed by a person.

What a person adds is a version of the event, as what a rule adds is: it is joined as all are, and stays whatever the
sender says later of other things.
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

NAME = "completion"  # who says it, beside the feeds
SOURCE = "/house/completion"
_OPEN = "onemap.event_is_open(e.stage, e.closed_at) AND e.source IS DISTINCT FROM 'weather_warning'"
_LACKS = {"place": "e.geom IS NULL", "class": "e.event_class IS NULL"}
_COLUMNS = """e.id, e.source, e.title, e.address, e.matter_code, e.event_class, e.place_fault,
    e.extra ->> 'place_given' AS place_given, e.occurred_at, e.due_at"""


@dataclass(frozen=True, slots=True)
class Incomplete:
    """An event that waits to be completed.

    Attributes
    ----------
    needs
        What is missing.
    place_fault, place_given
        What was wrong with the place its sender gave, and that place as it was written.
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
    """Return events that wait, in the order of their ids.

    Parameters
    ----------
    need
        Those that lack this; None for either.
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


async def counts(connection: asyncpg.Connection) -> dict[str, int]:
    """Return how many events lack what."""
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
    """Make the version of an event that says what a person has found out of it.

    Parameters
    ----------
    lonlat
        Where it is, CRS84 degrees; it counts from now on also where the event had a place.
    event_class
        A code of the list `event_class`.

    Raises
    ------
    NotFound
        When there is no such event.
    BadInput
        When nothing is said, the place cannot be right, or the class is none of the list.
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
    said = {**place, **({} if event_class is None else {"event_class": event_class})}
    message = read_structured(
        {
            "specversion": "1.0",
            "id": f"{event_id}@{now.isoformat()}",
            "source": SOURCE,
            "type": "cn.gov.district.event.completed",
            "subject": f"events/{event_id}",
            "time": now.isoformat(),
            "data": {"source": row["source"] or "other", **said},
        },
        now=now,
    )
    return _let_in(message, catalog)


def _let_in(message: Message, catalog: Catalog) -> Message:
    """Check the place as that of a feed, and leave out who the event came from: a person amends it."""
    reading = Reading([message])
    check_places(reading, district_of(catalog))
    data = {name: value for name, value in reading.messages[0].data.items() if name != "source"}
    if "place_fault" in data:
        given = f"{message.lon}, {message.lat}"
        raise BadInput(f"{given} (CRS84) cannot be where it is: {data['place_fault']}", parameter="lon")
    return message._replace(data=data)
