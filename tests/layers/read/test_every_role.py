"""Every role of the shipped policy can ask everything of every layer, and every statement of it is sound."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from layers.catalog import read_catalog
from layers.clause import GEOMETRY, compose
from layers.columns.shape import shape_of
from layers.columns.statement import Portion, column_rows, end_of, matching
from layers.coordinates.crs import CRS84
from layers.cql2 import queryables_of
from layers.database.connection import Role, connect
from layers.errors import BadFilter
from layers.policy.read import read_policy
from layers.read.caller import check_rows
from layers.read.counted_page import counted_page
from layers.read.query import ItemsQuery, count, page, single
from layers.read.relation import relation
from layers.read.rights import is_view, table_scoped
from layers.read.sort_keys import SortKey, sortable_fields
from tests.layers.read.policies import actor_of
from tiles.address import TileAddress
from tiles.vector import Drawing, tile_clause

POLICY = read_policy(Path(__file__).parents[3] / "config" / "policy")
ATTRIBUTES = (("org", "区水务局"), ("worker_id", "W0012"))
ROLES = [*POLICY.roles, "street and analyst"]


def reader(name):
    roles = ("street_dispatcher", "analyst") if name == "street and analyst" else (name,)
    areas = ("440106011", "440106012001001") if name != "grid_worker" else ("440106011001001",)
    return actor_of(POLICY, *roles, areas=areas, departments=("water",), attributes=ATTRIBUTES)


@pytest.fixture(scope="module")
def database(layers_template):
    with asyncio.Runner() as runner:
        connection = runner.run(connect(layers_template, Role.READ))
        yield runner.run, connection, runner.run(read_catalog(connection))
        runner.run(connection.close())


@pytest.mark.parametrize("name", ROLES)
def test_what_a_role_asks_is_answered(database, name):
    run, connection, catalog = database
    actor = reader(name)
    for layer in catalog.values():
        for statement in _statements(layer, actor):
            text, values = statement.render()
            run(connection.fetch(text, *values))


def test_a_view_of_few_columns_is_made_of_few(database):
    _, _, catalog = database
    few = relation(catalog["events"], reader("street_dispatcher"), reads=frozenset({"severity"})).text
    assert set(re.findall(r't\."(\w+)"', few)) == {"severity", "data_grade", "area_code", "grid_code"}


def _statements(layer, actor):
    near = compose("{} && ST_MakeEnvelope(113.3, 23.1, 113.4, 23.2, 4490)", GEOMETRY)
    has_place = "geom" in queryables_of(layer.definition, actor)
    query = ItemsQuery(layer, actor, where=near) if has_place else ItemsQuery(layer, actor)
    by_all = tuple(SortKey(field) for field in list(sortable_fields(layer, actor).values())[:12])
    yield page(query)
    yield page(ItemsQuery(layer, actor))
    yield counted_page(ItemsQuery(layer, actor, query.where, sort=by_all))
    yield count(query, 10)
    yield column_rows(Portion(query), shape_of(query))
    yield matching(query)
    yield end_of(Portion(query, 3))
    yield single(layer, actor, "x", CRS84)
    if layer.definition.geometry_type != "None":
        yield compose(f"SELECT FROM {layer.table} AS f WHERE {{}}", table_scoped(layer, actor))
        for zoom, column, row in ((11, 1668, 888), (16, 53383, 28422)):
            yield tile_clause(Drawing(layer, actor, TileAddress(zoom, column, row), 1000))


def test_the_rows_of_every_rule_are_a_condition_over_its_layers(database):
    _, _, catalog = database
    for rule in POLICY.rules:
        for layer_id in set(rule.layers) & set(catalog) if rule.rows else ():
            check_rows(rule.rows, catalog[layer_id].definition)
    with pytest.raises(BadFilter):
        check_rows("nothing = 'x'", catalog["events"].definition)
    with pytest.raises(BadFilter):
        check_rows("area_code = caller('areas')", catalog["events"].definition)


def test_most_readers_read_most_layers_from_their_tables(database):
    """A view costs little and a table nothing: strangers and the operator read tables."""
    _, _, catalog = database
    views = {name: [one.id for one in catalog.values() if is_view(one, reader(name))] for name in POLICY.roles}
    assert not views["operator"]
    assert len(views["anonymous"]) < len(catalog) / 2
