"""A generated definition is refused when it is read, or every statement that is built from it runs."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, Phase, event, given, settings
from pydantic import ValidationError

from layers.catalog import Layer
from layers.clause import Clause
from layers.columns.shape import shape_of
from layers.columns.statement import Portion, column_rows, end_of, matching
from layers.coordinates.crs import CRS84
from layers.cql2 import FilterLimits, compile_filter, parse, queryables_of
from layers.database.connection import connect
from layers.definition import LayerDefinition
from layers.moment import Moment
from layers.read.counted_page import counted_page
from layers.read.query import ItemsQuery, count, page, single
from layers.read.sort_keys import sort_keys, sortable_fields
from layers.schema.tables import create_layer, drop_layer, refresh_statistics
from tests.databases import temporary_database
from tests.matrix.asked import ACTORS, predicates
from tests.matrix.definitions import definitions
from tiles.address import TileAddress
from tiles.grids import WEB_MERCATOR
from tiles.vector import Drawing, tile_clause
from twin.surroundings.nearby import nearby_clause
from twin.surroundings.spot import read_spot

LIMITS = FilterLimits(length=100_000, vertices=1000)
ROWS = ("g1", "g2", "g3")
STATE = """
INSERT INTO twin.position_now (layer, id, lon, lat, phenomenon_time, speed_kmh)
VALUES ('generated', 'g1', 113.35, 23.15, now(), 3);
INSERT INTO twin.observation_now (id, property, phenomenon_time, value, value_text)
VALUES ('g1', 'level_m', now(), 1.5, NULL), ('g2', 'level_m', now(), 1e300, NULL), ('g2', 'aqi', now(), 'NaN', NULL),
    ('g2', 'online_status', now(), NULL, 'online');
INSERT INTO twin.observation (id, property, phenomenon_time, value)
VALUES ('g1', 'level_m', now() - interval '2 minutes', 1e300), ('g1', 'level_m', now(), 1.5);
"""


class Ground:
    """A database, its one connection, and the event loop of that connection."""

    def __init__(self, url) -> None:
        self.runner = asyncio.Runner()
        self.connection = self.runner.run(connect(url))
        self.run(self.connection.execute(STATE))

    def run(self, work):
        return self.runner.run(work)


@pytest.fixture(scope="module")
def ground(cluster, district_template):
    with temporary_database(cluster, district_template) as url:
        made = Ground(url)
        yield made
        made.run(made.connection.close())
        made.runner.close()


async def make(connection, definition):
    await drop_layer(connection, definition.id)
    await create_layer(connection, definition)
    shape = {"Point": "ST_MakePoint(113.35, 23.15)", "Geometry": "ST_MakePoint(113.35, 23.15)"}
    line = "ST_MakeLine(ST_MakePoint(113.3, 23.1), ST_MakePoint(113.4, 23.2))"
    shape |= {"LineString": line, "MultiPolygon": "ST_Multi(ST_MakeEnvelope(113.3, 23.1, 113.4, 23.2))"}
    columns, values = "id", "unnest($1::text[])"
    if definition.geometry_type in shape:
        columns, values = "id, geom", f"{values}, ST_SetSRID({shape[definition.geometry_type]}, 4490)"
    await connection.execute(f"INSERT INTO layer.generated ({columns}) SELECT {values}", list(ROWS))
    await refresh_statistics(connection, definition)
    await connection.execute("UPDATE layer.generated SET id = id WHERE id = 'g3'")  # a row of the past


def statements(layer, actor):
    """Yield every statement that reads the layer for an actor, with filters over all queryables."""
    known = queryables_of(layer.definition, actor)
    places = ["", *(" OR ".join(f"({one})" for one in predicates(known[name])) for name in ("geom",) if name in known)]
    plain = " OR ".join(f"({p})" for one in known.values() if one.type != "geometry" for p in predicates(one))
    filters = (plain, *(f"{plain} OR {place}" for place in places if place))
    wheres = [compile_filter(parse(one, "cql2-text", limits=LIMITS), known, filter_crs=CRS84) for one in filters]
    wheres.insert(0, Clause(""))
    for where in wheres:
        query = ItemsQuery(layer, actor, where)
        yield from (page(query), page(query, "jsonfg"), count(query, 100))
        yield from (column_rows(Portion(query), shape_of(query)), matching(query), end_of(Portion(query, 3)))
        if where:
            yield counted_page(query, "geojson", ",")
        if layer.definition.geometry_type != "None":
            yield tile_clause(Drawing(layer, actor, TileAddress(14, 13350, 7108, WEB_MERCATOR), 100, where))
    sortable = sortable_fields(layer, actor)
    yield page(ItemsQuery(layer, actor, sort=sort_keys(",".join(f"-{name}" for name in sortable), sortable)))
    yield single(layer, actor, "g1", CRS84)
    if layer.definition.geometry_type != "None":
        yield nearby_clause(layer, actor, read_spot(113.35, 23.15, "OGC:CRS84"), 3000, 5)


async def ask(connection, definition):
    await make(connection, definition)
    now = Layer(definition, version=1, changed_at=datetime.now(UTC), lowest_grade=1)
    then = now.as_of(Moment(datetime.now(UTC) - timedelta(seconds=1), "known"))
    for layer in (now, then):
        for actor in (ACTORS["masked"], ACTORS["officer"], ACTORS["operator"])[0 if layer is now else 1 :]:
            for statement in statements(layer, actor):
                text, values = statement.render()
                await connection.fetch(text, *values)


@settings(
    max_examples=25,
    phases=(Phase.explicit, Phase.generate),  # an example takes a second: no shrinking
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(definitions())
def test_a_definition_is_refused_or_everything_can_be_asked_of_it(ground, raw):
    definition, fault = read(raw)
    event("made" if definition else "refused")
    if definition is None:
        assert "layer generated: " in fault, "it is said which layer and why"
    else:
        ground.run(ask(ground.connection, definition))


def read(raw):
    try:
        return LayerDefinition.model_validate(raw), ""
    except ValidationError as error:
        return None, str(error)
