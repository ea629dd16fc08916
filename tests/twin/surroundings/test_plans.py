"""The statements of these operations find their rows by the index on places, and tracks by the index on movers."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from layers.actor import OPERATOR, Actor
from layers.catalog import read_catalog
from layers.clause import Clause
from layers.coordinates.district_crs import to_metres
from layers.database.connection import Role, connect
from twin.surroundings.cameras_seeing import CAMERA_VALUES
from twin.surroundings.coverage import CoverageSpan, movers_throughout, tracks_clause
from twin.surroundings.ground import box_around
from twin.surroundings.places import places_clause
from twin.surroundings.resources import CANDIDATES_MAX
from twin.surroundings.sight_line import obstacles_clause, sight_lines
from twin.surroundings.spot import Spot
from twin.surroundings.waterway_stretch import find_waterway, read_stretch

DISPATCHER = Actor("officer", 3, ("440106011",))


async def _with_catalog(url, work):
    connection = await connect(url, Role.READ)
    try:
        await connection.execute("SET enable_seqscan = off")  # a district of 2 % is read whole
        catalog = await read_catalog(connection)
        text, values = (await work(connection, catalog)).render()
        return "\n".join(row[0] for row in await connection.fetch(f"EXPLAIN {text}", *values))
    finally:
        await connection.close()


def plan(url, work):
    return asyncio.run(_with_catalog(url, work))


def middle(layer):
    west, south, east, north = layer.extent_crs84
    return Spot((west + east) / 2, (south + north) / 2)


@pytest.mark.parametrize("actor", [OPERATOR, DISPATCHER])
def test_cameras_around_a_place(district_url, actor):
    async def clause(_, catalog):
        layer = catalog["video_points"]
        return places_clause(layer, actor, middle(layer), 500, Clause("TRUE"), 300, CAMERA_VALUES)

    assert "video_points_geom_idx" in plan(district_url, clause)


@pytest.mark.parametrize("actor", [OPERATOR, DISPATCHER])
def test_buildings_between_cameras_and_a_place(district_url, actor):
    async def clause(_, catalog):
        spot = middle(catalog["buildings"])
        place_m = to_metres(np.array([[spot.lon, spot.lat]]))
        return obstacles_clause(
            catalog["buildings"], actor, sight_lines(place_m + np.array([[150, 80], [-90, 200]]), place_m)
        )

    assert "buildings_geom_idx" in plan(district_url, clause)


@pytest.mark.parametrize("actor", [OPERATOR, DISPATCHER])
def test_what_lies_along_a_stretch(district_url, actor):
    async def clause(connection, catalog):
        waterway = await find_waterway(connection, catalog["waterways"], OPERATOR, "440106W001")
        layer = catalog["video_points"]
        box = box_around(read_stretch(waterway, None, None).shape, 100)
        return places_clause(layer, actor, middle(layer), 1000, box)

    assert "video_points_geom_idx" in plan(district_url, clause)


@pytest.mark.parametrize("actor", [OPERATOR, DISPATCHER])
def test_candidates_for_the_nearest_by_road_are_bounded(district_url, actor):
    async def clause(_, catalog):
        layer = catalog["emergency_resources"]
        return places_clause(layer, actor, middle(layer), CANDIDATES_MAX, Clause("TRUE"))

    told = plan(district_url, clause)
    assert told.startswith("Limit"), "few are kept, however many there are"
    assert "Sort Key" in told.partition("->")[2]


def test_tracks_of_movers(district_url):
    async def clause(_, catalog):
        begin = datetime(2026, 6, 8, tzinfo=UTC)
        span = CoverageSpan(begin, begin + timedelta(hours=8), 15)
        return tracks_clause(movers_throughout(catalog["vehicles"], OPERATOR, span), OPERATOR, None)

    assert "position" in (told := plan(district_url, clause))
    assert "Index" in told
