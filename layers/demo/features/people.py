"""Grid workers in their grids, and vehicles on the roads."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import shapely

from layers.demo.district.district import District
from layers.demo.district.roads import Network
from layers.demo.features.placing import along_roads
from layers.demo.names import person_names, phones
from layers.demo.randomness import pick, shares
from layers.demo.table import DemoTable

_SKILLS = np.array(["first_aid", "firefighting", "flood", "mediation", "inspection", "language"])
_FLEET = {
    "enforcement": 16,
    "sanitation_sweep": 18,
    "sanitation_transport": 16,
    "muck_truck": 18,
    "sprinkler": 8,
    "ambulance": 4,
    "fire": 5,
    "police": 0,
    "emergency_pump": 3,
    "bus": 12,
}
_FLEET_NOUN = {
    "enforcement": "城管执法车",
    "sanitation_sweep": "清扫车",
    "sanitation_transport": "垃圾运输车",
    "muck_truck": "泥头车",
    "sprinkler": "洒水车",
    "ambulance": "救护车",
    "fire": "消防车",
    "police": "警车",
    "emergency_pump": "移动泵车",
    "bus": "公交车",
}
_CAPACITY = {"bus": 80.0, "emergency_pump": 1500.0, "sprinkler": 10.0, "sanitation_transport": 8.0, "muck_truck": 15.0}


def make_workers(district: District, grids: DemoTable) -> DemoTable:
    """Return the table of workers, one per grid and more where many people live; write their ids into the grids.

    Each worker stands in the grid.
    """
    rng = district.rng("workers")
    total = max(district.count("grid_workers"), len(grids))
    own = np.repeat(np.arange(len(grids)), shares(district.inhabited, total, least=1))
    count = len(own)
    ids = [f"{district.code}GW{i:05d}" for i in range(count)]
    head = np.concatenate([[True], own[1:] != own[:-1]])
    role = np.where(
        head, "grid_head", pick(rng, count, {"full_time": 6, "part_time": 2, "specialist": 1, "volunteer": 2})
    )
    faces = district.partition.faces[own]
    near = district.grid_points[own] + rng.normal(0, 35, (count, 2))
    inside = shapely.contains_properly(faces, shapely.points(near))
    points = np.where(inside[:, None], near, district.grid_points[own])
    grids.columns["grid_head_id"] = [ids[k] for k in np.flatnonzero(head)]
    first = np.append(np.flatnonzero(head), count).tolist()
    grids.columns["worker_ids"] = [ids[a:b] for a, b in pairwise(first)]
    on_duty = rng.random(count) < 0.62
    start = _shift_start(district.as_of)
    codes, communities = district.grid_codes, district.community_codes
    columns: dict[str, Any] = {
        "name": person_names(rng, count),
        "worker_id": ids,
        "phone": phones(rng, count),
        "role_code": role,
        "grid_codes": [[codes[k]] for k in own],
        "community_code": [communities[k] for k in own],
        "on_duty": on_duty,
        "duty_from": [start if d else None for d in on_duty.tolist()],
        "duty_to": [start + timedelta(hours=12) if d else None for d in on_duty.tolist()],
        "skills": [sorted(set(two)) for two in rng.choice(_SKILLS, (count, 2)).tolist()],
        "position_at": [district.as_of - timedelta(seconds=s) for s in rng.integers(1, 300, count).tolist()],
        "org_name": [f"{s}网格化服务中心（示例）" for s in district.street_name_at(points)],
        "data_grade": 3,
    }
    return DemoTable("grid_workers", ids, shapely.points(points), columns)


def _shift_start(as_of: datetime) -> datetime:
    """Return the last change of shift, at 8 or 20 o'clock."""
    eight = as_of.replace(hour=8, minute=0, second=0, microsecond=0)
    return max(t for t in (eight - timedelta(hours=12), eight, eight + timedelta(hours=12)) if t <= as_of)


def make_vehicles(district: District, network: Network) -> DemoTable:
    """Return the table of vehicles on the roads, driving on the right; some are parked, some off line."""
    rng = district.rng("vehicles")
    count = district.count("vehicles")
    favour = {"expressway": 1.5, "arterial": 2.0, "sub_arterial": 1.2, "branch": 0.5}
    places = along_roads(network, 2 * count + 20, favour, -4.5, rng)
    inside = np.flatnonzero(district.inside(places.points))
    places = places.only(inside[np.sort(rng.choice(len(inside), count, replace=len(inside) < count))])
    kind = pick(rng, count, _FLEET)
    status = pick(rng, count, {"idle": 30, "working": 52, "dispatched": 8, "offline": 10})
    moving = np.isin(status, ["working", "dispatched"])
    limit = network.width_m[places.road] * 0.8 + 15
    number = rng.permutation(90_000)[:count] + 10_000
    kinds = kind.tolist()
    columns: dict[str, Any] = {
        "name": [f"{_FLEET_NOUN[k]}{i + 1:04d}" for i, k in enumerate(kinds)],
        "plate_no": [f"{district.plan.plate_prefix}·示{n}" for n in number.tolist()],
        "plate_color": np.select(
            [np.isin(kind, ["muck_truck", "sanitation_transport", "sprinkler", "bus"]), rng.random(count) < 0.3],
            ["2", "5"],
            "1",
        ),
        "vehicle_kind": kind,
        "sim_no": [f"1000{n:07d}" for n in number.tolist()],
        "terminal_id": [f"DEMO{district.code}{i:05d}" for i in range(count)],
        "owner_org": [f"{district.plan.short}{_FLEET_NOUN[k]}队（示例）" for k in kinds],
        "capacity": [_CAPACITY.get(k) for k in kinds],
        "status_code": status,
        "position_at": [
            district.as_of - timedelta(seconds=s)
            for s in np.where(
                status == "offline", rng.integers(3600, 200_000, count), rng.integers(1, 30, count)
            ).tolist()
        ],
        "speed_kmh": np.round(np.where(moving, rng.uniform(4, limit), 0.0), 1),
        "heading_deg": np.round(places.azimuth_deg, 1) % 360,
        "data_grade": 2,
    }
    return DemoTable(
        "vehicles", [f"{district.code}V{i:05d}" for i in range(count)], shapely.points(places.points), columns
    )
