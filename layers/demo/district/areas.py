"""The tables of the district, its streets, communities and grids."""

from __future__ import annotations

from datetime import date

import numpy as np
import shapely
from numpy.typing import NDArray

from layers.demo.district.district import District
from layers.demo.names import community_names, phones
from layers.demo.randomness import shares
from layers.demo.table import DemoTable

CENSUS_DAY = date(2020, 11, 1)
_PERSONS_PER_HOUSEHOLD = 2.9


def make_areas(district: District, land_use: NDArray[np.str_]) -> list[DemoTable]:
    """Return the four area layers of the partition: communities are unions of grids, streets of communities.

    Parameters
    ----------
    district
        A district with its partition.
    land_use
        Shape (grids,), code of the land use of each grid.
    """
    population = _population(district)
    grids = _grids(district, population, land_use)
    communities = _communities(district, grids, population)
    streets = _streets(district, communities)
    whole = DemoTable(
        "districts",
        [district.code],
        np.array([shapely.coverage_union_all(streets.geometry)], dtype=object),
        {
            "name": district.plan.name,
            "district_code": district.code,
            "population_resident": sum(s.residents for s in district.plan.streets),
            "population_date": CENSUS_DAY,
            "duty_phone": phones(district.rng("district"), 1),
            "org_name": f"{district.plan.name}人民政府（示例）",
            "data_grade": 1,
        },
    )
    return [whole, streets, communities, grids]


def _population(district: District) -> NDArray[np.int64]:
    """Return the residents of each grid: those of its street, divided by density and area."""
    people = np.zeros(len(district.partition.faces), dtype=np.int64)
    for number, street in enumerate(district.plan.streets):
        members = np.flatnonzero(district.partition.street == number)
        if len(members):
            people[members] = shares(district.inhabited[members], street.residents)
    return people


def _grids(district: District, population: NDArray[np.int64], land_use: NDArray[np.str_]) -> DemoTable:
    rng = district.rng("grids")
    codes = district.grid_codes
    special = np.isin(land_use, ["A", "B"]) & (rng.random(len(codes)) < 0.25)
    return DemoTable(
        "grids",
        codes,
        district.partition.faces,
        {
            "name": [
                f"{district.plan.streets[s].name[:-2]}{c[9:12]}-{c[12:]}网格"
                for s, c in zip(district.partition.street, codes, strict=True)
            ],
            "grid_code": codes,
            "grid_type": np.where(special, "special", "base"),
            "parent_code": district.community_codes,
            "grade_code": rng.choice(np.array(["1", "2", "3"]), len(codes), p=[0.2, 0.5, 0.3]),
            "land_use_code": land_use,
            "household_count": np.rint(population / _PERSONS_PER_HOUSEHOLD).astype(int),
            "population": population,
            "responsible_org": [f"{district.plan.streets[s].name}办事处（示例）" for s in district.partition.street],
            "boundary_version": 1,
            "data_grade": 2,
        },
    )


def _union(geometry: NDArray[np.object_], codes: list[str]) -> tuple[list[str], NDArray[np.object_]]:
    """Dissolve by code and keep every vertex, so that neighbours still share their vertices."""
    code = np.array(codes)
    own = np.unique(code)
    return own.tolist(), np.array([shapely.coverage_union_all(geometry[code == c]) for c in own], dtype=object)


def _communities(district: District, grids: DemoTable, population: NDArray[np.int64]) -> DemoTable:
    rng = district.rng("communities")
    codes, geometry = _union(grids.geometry, district.community_codes)
    people = np.zeros(len(codes), dtype=np.int64)
    np.add.at(people, np.searchsorted(codes, district.community_codes), population)
    names: dict[str, str] = {}
    for street in district.plan.streets:
        own = [c for c in codes if c.startswith(street.code)]
        names |= dict(zip(own, community_names(rng, len(own)), strict=True))
    middle = shapely.get_coordinates(shapely.point_on_surface(geometry))
    hilly = district.terrain.hill(middle) > 0.4
    return DemoTable(
        "communities",
        codes,
        geometry,
        {
            "name": [f"{names[c]}社区" for c in codes],
            "community_code": codes,
            "street_code": [c[:9] for c in codes],
            "urban_rural_code": np.where(hilly, "112", "111"),
            "community_type": np.where(hilly & (rng.random(len(codes)) < 0.6), "village", "neighborhood"),
            "household_count": np.rint(people / _PERSONS_PER_HOUSEHOLD).astype(int),
            "population_resident": people,
            "population_date": CENSUS_DAY,
            "duty_phone": phones(rng, len(codes)),
            "org_name": [f"{names[c]}社区居民委员会（示例）" for c in codes],
            "data_grade": 1,
        },
    )


def _streets(district: District, communities: DemoTable) -> DemoTable:
    rng = district.rng("streets")
    codes, geometry = _union(communities.geometry, [c[:9] for c in communities.ids])
    plans = {s.code: s for s in district.plan.streets}
    posts = np.array([shapely.Point(district.terrain.at(plans[c].at)) for c in codes], dtype=object)
    return DemoTable(
        "streets",
        codes,
        geometry,
        {
            "name": [plans[c].name for c in codes],
            "street_code": codes,
            "district_code": district.code,
            "population_resident": [plans[c].residents for c in codes],
            "population_date": CENSUS_DAY,
            "duty_phone": phones(rng, len(codes)),
            "command_center_point": district.geojson(posts),
            "org_name": [f"{plans[c].name}办事处（示例）" for c in codes],
            "data_grade": 1,
        },
    )
