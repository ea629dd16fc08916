"""The sides of a join are filtered by PostgreSQL, which sends the columns that are joined or shown, and no others."""

from __future__ import annotations

import pytest

from layers.actor import OPERATOR, Actor
from layers.catalog import read_catalog
from layers.database.connection import Role, connect
from server.joins.request import read_join
from server.routes.join import _sides
from server.settings import LimitSettings
from tests.databases import run_async

COUNTED = {"left": "buildings", "right": "grids", "aggregate": "count,mean(height_m)"}


async def _explained(url, actor, given, settings):
    connection = await connect(url, Role.READ)
    try:
        await connection.execute(settings)
        catalog = await read_catalog(connection)
        box = ",".join(f"{side:.6f}" for side in _quarter(catalog["buildings"].extent_crs84))
        given = {name: value.replace("BOX", box) for name, value in given.items()}
        sides = [one.render() for one in _sides(read_join(given, catalog, actor, LimitSettings()))]
        plans = [await connection.fetch(f"EXPLAIN (VERBOSE) {text}", *values) for text, values in sides]
        return ["\n".join(row[0] for row in plan) for plan in plans]
    finally:
        await connection.close()


def _quarter(extent):
    west, south, east, north = extent
    return west, south, (west + east) / 2, (south + north) / 2


def explained(url, actor, given, settings="SET enable_seqscan = off"):  # a district of 2 % is read whole
    return run_async(_explained(url, actor, given, settings))


@pytest.mark.parametrize("actor", [OPERATOR, Actor("officer", 3, ("440106011",))])
def test_each_side_is_found_by_its_own_index(district_url, actor):
    left, right = explained(district_url, actor, COUNTED | {"left-bbox": "BOX", "right-bbox": "BOX"})
    assert "buildings_geom_idx" in left
    assert "grids_geom_idx" in right


@pytest.mark.parametrize("actor", [OPERATOR, Actor("officer", 3, ("440106011",))])
def test_what_is_counted_is_read_as_it_lies(district_url, actor):
    left, _ = explained(district_url, actor, COUNTED, "SET enable_seqscan = on")
    assert "Sort" not in left
    assert left.startswith(("Seq Scan", "Bitmap Heap Scan", "Index Scan"))


def test_a_counted_side_sends_its_place_and_what_is_averaged(district_url):
    left, _ = explained(district_url, OPERATOR, COUNTED)
    output = left.splitlines()[1]
    assert "height_m" in output
    assert "geom" in output
    assert not any(f".{name}" in output for name in ("name", "data_grade", "building_code", "address"))
