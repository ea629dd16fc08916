"""Service sites: a hall for the district, one for each street, and self-service points that never close."""

from __future__ import annotations

from typing import Any

import numpy as np
import shapely

from layers.demo.district.district import District
from layers.demo.features.stations import spread
from layers.demo.table import DemoTable

_OFFICE = {"working": [["08:30", "12:00"], ["14:00", "17:30"]], "free": []}
_HALL = {"working": [["08:30", "17:30"]], "free": [["09:00", "12:00"]]}
_ALWAYS = {"working": [["00:00", "24:00"]], "free": [["00:00", "24:00"]]}
_SELF_SERVICE = 6


def make_service_sites(district: District) -> DemoTable:
    """Return the table of service sites."""
    rng = district.rng("service sites")
    streets = district.plan.streets
    kinds = ["district_hall", *["street_hall"] * len(streets), *["self_service"] * _SELF_SERVICE]
    points = spread(district, len(kinds), rng)
    names = [
        f"{district.plan.name}政务服务中心",
        *(f"{street.name}政务服务中心" for street in streets),
        *(f"自助服务点{n + 1}" for n in range(_SELF_SERVICE)),
    ]
    ids = [f"{district.code}SV{n:04d}" for n in range(len(kinds))]
    hours = {"district_hall": _HALL, "street_hall": _OFFICE, "self_service": _ALWAYS}
    matters: dict[str, list[str] | None] = {"district_hall": None, "street_hall": ["SB", "HJ"], "self_service": ["SB"]}
    columns: dict[str, Any] = {
        "name": names,
        "site_code": ids,
        "site_type": kinds,
        "matter_prefixes": [matters[kind] for kind in kinds],
        "opening_hours": [hours[kind] for kind in kinds],
        "hotline": [f"020-000{n:05d}" for n in rng.integers(0, 10**5, len(kinds)).tolist()],
        "data_grade": 1,
    }
    return DemoTable("service_sites", ids, np.asarray(shapely.points(points), dtype=object), columns)
