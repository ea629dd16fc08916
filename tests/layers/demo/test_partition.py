"""Streets tile the district, communities their street, grids their community."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
import yaml

from layers.definition import DEFINITIONS
from layers.demo.district.outline import read_outline
from layers.demo.district.plan import plan_of

LEVELS = ("districts", "streets", "communities", "grids")


@pytest.mark.parametrize("child", LEVELS[1:])
@pytest.mark.parametrize("size", ["small", "quarter"])
def test_children_fill_their_parent_exactly(child, size, request):
    tables = request.getfixturevalue(size)
    parent = LEVELS[LEVELS.index(child) - 1]
    for code, area in zip(tables[parent].ids, tables[parent].geometry, strict=True):
        own = tables[child].geometry[[i.startswith(code) for i in tables[child].ids]]
        assert len(own) > 0
        assert shapely.area(own).sum() == pytest.approx(area.area, rel=1e-6)
        assert shapely.union_all(own).symmetric_difference(area).area < 1e-6 * area.area


@pytest.mark.parametrize("level", LEVELS[1:])
def test_a_coverage_shares_every_vertex(quarter, level):
    parts, owner = shapely.get_parts(quarter[level].geometry, return_index=True)
    assert len(parts) == len(owner) == len(quarter[level])  # none falls apart
    assert shapely.coverage_is_valid(parts)
    assert shapely.is_valid(parts).all()


def test_a_point_lies_in_one_grid(quarter):
    rng = np.random.default_rng(1)
    (district,) = quarter["districts"].geometry
    west, south, east, north = district.bounds
    points = rng.uniform((west, south), (east, north), (20_000, 2))
    points = points[shapely.contains_xy(district, points)]
    found, _ = shapely.STRtree(quarter["grids"].geometry).query(shapely.points(points), predicate="within")
    assert np.array_equal(np.sort(found), np.arange(len(points)))


def test_the_district_is_the_real_one(small):
    real = read_outline().polygon
    (made,) = small["districts"].geometry
    assert made.symmetric_difference(real).area < 2e-4 * real.area  # 7 decimals and a bend of centimetres


def test_each_street_holds_the_place_it_is_named_after(small):
    streets = dict(zip(small["streets"].ids, small["streets"].geometry, strict=True))
    plan = plan_of(read_outline(), 1)
    assert len(streets) == len(plan.streets) == 21
    assert "440106005" not in streets
    for street in plan.streets:
        assert shapely.contains_xy(streets[street.code], *street.at), street.name


def test_the_plan_names_the_published_streets():
    plan = plan_of(read_outline(), 1)
    rows = yaml.safe_load((DEFINITIONS / "standards" / "streets.yaml").read_text(encoding="utf-8"))["rows"]
    published = {row["street_code"]: (row["name"], row["population_resident"]) for row in rows}
    assert {s.code: (s.name, s.residents) for s in plan.streets} == published


def test_codes_are_numbered_in_order_of_reading(quarter):
    grids = quarter["grids"]
    for community in quarter["communities"].ids:
        own = [i for i in grids.ids if i.startswith(community)]
        assert sorted(own) == [f"{community}{n + 1:03d}" for n in range(len(own))]
    for street in quarter["streets"].ids:
        own = sorted(i for i in quarter["communities"].ids if i.startswith(street))
        place = dict(zip(quarter["communities"].ids, shapely.centroid(quarter["communities"].geometry), strict=True))
        if len(own) >= 4:
            assert place[own[0]].y > place[own[-1]].y


def test_people_are_counted_once(small):
    (total,) = small["districts"].column("population_resident")
    assert total == sum(small["streets"].column("population_resident")) == sum(small["grids"].column("population"))
    for code, people in zip(small["communities"].ids, small["communities"].column("population_resident"), strict=True):
        own = zip(small["grids"].ids, small["grids"].column("population"), strict=True)
        assert people == sum(n for grid, n in own if grid.startswith(code))
