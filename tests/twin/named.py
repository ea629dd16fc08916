"""Features that messages of the tests are about: what is not there has no state, and a message about it is refused."""

from __future__ import annotations

from collections.abc import Iterable

import asyncpg

from layers.database.connection import connect
from layers.schema.tables import table_of

CARS = (*(f"v{number}" for number in range(600)), *(f"440106V{number:05}" for number in range(10)))
GAUGES = (
    *(f"R{number}" for number in range(10)),
    *(f"R{number:03}" for number in range(100)),
    *(f"G{number}" for number in range(10)),
    "440106PP000",  # as in the demo
    "440106PP001",
)


async def put_features(connection: asyncpg.Connection, **ids: Iterable[str]) -> None:
    """Put features into layers, by layer, all at one place of the district; those that are there stay."""
    for layer, names in ids.items():
        await connection.execute(
            f"INSERT INTO {table_of(layer)} (id, geom) SELECT id, ST_SetSRID(ST_MakePoint(113.35, 23.13), 4490) "
            "FROM unnest($1::text[]) AS id ON CONFLICT DO NOTHING",
            list(names),
        )


async def put_named(url: str, **ids: Iterable[str]) -> None:
    """Put the usual cars and gauges into a database, and what else is named."""
    connection = await connect(url)
    try:
        await put_features(connection, vehicles=CARS, rain_gauges=GAUGES)
        await put_features(connection, **ids)
    finally:
        await connection.close()
