"""A database with one feature for each question of table 7.3."""

from __future__ import annotations

import asyncio

import orjson

from layers.catalog import read_catalog
from layers.coordinates.crs import CRS84
from layers.database.connection import connect
from layers.definition import read_definitions
from layers.read.query import single
from layers.schema.tables import refresh_statistics, table_of
from tests.layers.policy.features import FEATURES, OBSERVED


class District:
    """The features of table 7.3, and a loop to read them with."""

    def __init__(self, url) -> None:
        self.url, self._shown = url, {}
        self.runner = asyncio.Runner()
        self.run = self.runner.run
        self.connection = self.run(connect(url))
        for layer_id, rows in FEATURES.items():
            self.run(self._put(layer_id, rows))
        self.run(
            self.connection.executemany(
                "INSERT INTO twin.observation_now (id, property, value, phenomenon_time) VALUES ($1, $2, $3, now())",
                OBSERVED,
            )
        )
        self.catalog = self.run(read_catalog(self.connection))

    async def _put(self, layer_id, rows):
        for feature_id, place, values in rows:
            names = ", ".join(("id", "geom", *values))
            marks = ", ".join(f"${number}" for number in range(3, 3 + len(values)))
            shape = "ST_SetSRID(ST_GeomFromText($2), 4490)"
            await self.connection.execute(
                f"INSERT INTO {table_of(layer_id)} ({names}) VALUES ($1, {shape}, {marks})",
                feature_id,
                place,
                *values.values(),
            )
        await refresh_statistics(self.connection, read_definitions()[layer_id])

    def feature(self, actor, layer, feature):
        """Return a feature as an actor is shown it, read once; None when it is hidden from him."""
        key = (actor.audience, layer, feature)
        if key not in self._shown:
            text, values = single(self.catalog[layer], actor, feature, CRS84).render()
            row = self.run(self.connection.fetchrow(text, *values))
            self._shown[key] = row and orjson.loads(row["feature"])
        return self._shown[key]

    def close(self):
        self.run(self.connection.close())
        self.runner.close()
