"""Terminals of the emergency broadcast: a few for each street, heard some hundred metres around."""

from __future__ import annotations

from typing import Any

import numpy as np
import shapely

from layers.demo.district.district import District
from layers.demo.features.stations import spread
from layers.demo.table import DemoTable

_FOR_EACH_STREET = 3


def make_broadcast_terminals(district: District) -> DemoTable:
    """Return the table of broadcast terminals; one in ten is off line."""
    rng = district.rng("broadcast terminals")
    points = spread(district, _FOR_EACH_STREET * len(district.plan.streets), rng)
    count = len(points)
    ids = [f"{district.code}BT{n:04d}" for n in range(count)]
    streets = district.street_name_at(points)
    columns: dict[str, Any] = {
        "name": [f"{street}应急广播{n + 1}号（示例）" for n, street in enumerate(streets)],
        "terminal_code": ids,
        "range_m": np.round(rng.uniform(250, 500, count), 0),
        "owner_org": "示例应急管理局",
        "online_status": np.where(rng.random(count) < 0.1, "offline", "online"),
        "data_grade": 2,
    }
    return DemoTable("broadcast_terminals", ids, np.asarray(shapely.points(points), dtype=object), columns)
