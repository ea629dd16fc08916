"""An actor may be bound to grids, which are finer than area codes, and then sees the rows of these grids alone."""

from __future__ import annotations

import pytest

from layers.actor import Actor
from layers.catalog import read_catalog
from layers.database.connection import Role, connect
from layers.read.query import ItemsQuery, count
from layers.read.rights import row_scope

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("prefixes", "seen"),
    [
        (("440106011001001",), 0),  # C3 alone stands there, and its grade is above the actor's
        (("440106011001002",), 2),
        (("440106011001",), 2),
        (("440106099", "440106011001002"), 2),
        (("440106011001001", "440106011002001"), 3),
        (("440106099999999",), 0),
    ],
)
async def test_rows_of_the_grid_up_to_the_clearance(fixture_copy_url, prefixes, seen):
    owner = await connect(fixture_copy_url, Role.OWNER)
    await owner.execute("UPDATE layer.video_points SET data_grade = 4 WHERE id = 'C3'")
    layer = (await read_catalog(owner))["video_points"]
    text, values = count(ItemsQuery(layer, Actor("worker", 3, prefixes)), 100).render()
    assert await owner.fetchval(text, *values) == seen
    await owner.close()


async def test_a_layer_without_grids_shows_nothing_of_a_grid(fixture_url):
    reader = await connect(fixture_url, Role.READ)
    layer = (await read_catalog(reader))["video_points"]
    fields = tuple(field for field in layer.definition.fields if field.name != "grid_code")
    blind = type(layer)(
        type(layer.definition)(**{**dict(layer.definition), "fields": fields}), layer.version, layer.changed_at
    )
    assert row_scope(blind, Actor("worker", 4, ("440106011001001",))).text == "FALSE"
    await reader.close()
