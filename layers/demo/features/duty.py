"""Who answers for what in the synthetic district, and who is on duty: every name and number is invented."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import product
from typing import Any

import numpy as np
import shapely

from layers.demo.district.district import District
from layers.demo.names import person_names, phones
from layers.demo.table import DemoTable, without_places
from layers.tiers import AREA_DIGITS, pad_area_code

_DEPARTMENTS = (
    ("UM", "城市管理和综合执法局", ("01", "02", "03", "05")),
    ("WA", "水务局", ("0105", "0406")),
    ("EM", "应急管理局", ("04",)),
)
"""Key, name, and the prefixes of the matters of each department of the district."""
_SHIFT = timedelta(hours=12)
_DAYS = range(-2, 30)
_EVERY_GRID = 16  # has a firefighting keeper of its own

type _Row = dict[str, Any]


def make_responsibilities(district: District, facilities: DemoTable) -> DemoTable:
    """Return the table of responsibilities, from the keepers of pumps to the district's officer on duty."""
    rows = [
        *_objects(district, facilities),
        *_grids(district),
        *_communities(district),
        *_streets(district),
        *_of_district(district),
    ]
    rng = district.rng("responsibilities")
    ids = [f"{district.code}RP{n:05d}" for n in range(len(rows))]
    names = (
        "name",
        "level",
        "matter_prefix",
        "area_code",
        "grid_code",
        "feature_layer",
        "feature_id",
        "org_name",
        "post",
    )
    columns: dict[str, Any] = {name: [row.get(name) for row in rows] for name in names}
    columns |= {
        "responsibility_code": ids,
        "priority": 1,
        "duty_phone": _office_phones(rng, len(rows)),
        "person": [row.get("person") or drawn for row, drawn in zip(rows, person_names(rng, len(rows)), strict=True)],
        "phone": [row.get("phone") or drawn for row, drawn in zip(rows, phones(rng, len(rows)), strict=True)],
        "data_grade": 2,
    }
    return without_places("responsibilities", ids, columns)


def make_rosters(district: District) -> DemoTable:
    """Return the table of shifts: two a day for every post, from two days ago to a month ahead."""
    rng = district.rng("rosters")
    eight = district.as_of.replace(hour=8, minute=0, second=0, microsecond=0)
    starts = [eight + timedelta(days=day) + half * _SHIFT for day, half in product(_DAYS, range(2))]
    shifts: list[tuple[_Row, datetime]] = list(product([*_streets(district), *_of_district(district)], starts))
    shifts = list({(row["post"], start): (row, start) for row, start in shifts}.values())
    count = len(shifts)
    office = dict(zip(sorted({row["post"] for row, _ in shifts}), _office_phones(rng, count), strict=False))
    columns: dict[str, Any] = {
        "post": [row["post"] for row, _ in shifts],
        "starts_at": [start for _, start in shifts],
        "ends_at": [start + _SHIFT for _, start in shifts],
        "priority": 1,
        "area_code": [row["area_code"] for row, _ in shifts],
        "org_name": [row["org_name"] for row, _ in shifts],
        "duty_phone": [office[row["post"]] for row, _ in shifts],
        "person": person_names(rng, count),
        "phone": phones(rng, count),
        "data_grade": 2,
    }
    return without_places("duty_rosters", [f"{district.code}DR{n:06d}" for n in range(count)], columns)


def _office_phones(rng: np.random.Generator, count: int) -> list[str]:
    return [f"020-000{n:05d}" for n in rng.integers(0, 10**5, count)]  # no exchange begins with 000


def _objects(district: District, facilities: DemoTable) -> list[_Row]:
    """Return the keeper of each water facility, as the facility names him."""
    keepers = facilities.column("responsible")
    grids = [district.grid_codes[k] for k in district.grid_at(shapely.get_coordinates(facilities.geometry))]
    return [
        {
            "name": f"{name}三防责任人",
            "level": "object",
            "area_code": grid[:AREA_DIGITS],
            "grid_code": grid,
            "feature_layer": facilities.layer,
            "feature_id": feature,
            "org_name": org,
            "person": keeper["name"],
            "phone": keeper["phone"],
        }
        for feature, name, org, keeper, grid in zip(
            facilities.ids, facilities.column("name"), facilities.column("org_name"), keepers, grids, strict=True
        )
    ]


def _grids(district: District) -> list[_Row]:
    return [
        {
            "name": f"{code}微型消防站",
            "level": "grid_worker",
            "matter_prefix": "04",
            "grid_code": code,
            "area_code": code[:AREA_DIGITS],
            "org_name": "社区微型消防站（示例）",
        }
        for code in sorted(district.grid_codes)[::_EVERY_GRID]
    ]


def _communities(district: District) -> list[_Row]:
    return [
        {"name": f"{code}社区值守", "level": "community", "area_code": code, "org_name": "社区居民委员会（示例）"}
        for code in sorted(set(district.community_codes))
    ]


def _streets(district: District) -> list[_Row]:
    return [
        {
            "name": f"{street.name}值班室",
            "level": "street",
            "area_code": pad_area_code(street.code),
            "org_name": f"{street.name}办事处（示例）",
            "post": f"{street.code}-duty",
        }
        for street in district.plan.streets
    ]


def _of_district(district: District) -> list[_Row]:
    whole = {"area_code": pad_area_code(district.code)}
    departments = [
        {
            **whole,
            "name": f"{district.plan.name}{name}值班室",
            "level": "department",
            "matter_prefix": matter,
            "org_name": f"{district.plan.name}{name}（示例）",
            "post": f"{district.code}-{key}",
        }
        for key, name, matters in _DEPARTMENTS
        for matter in matters
    ]
    duty = {
        **whole,
        "name": f"{district.plan.name}总值班室",
        "level": "district",
        "org_name": f"{district.plan.name}人民政府总值班室（示例）",
        "post": f"{district.code}-duty",
    }
    return [*departments, duty]
