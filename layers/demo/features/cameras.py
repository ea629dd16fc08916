"""Video points along roads, on the arms of crossings, at village gates, doors, pumps and flood points."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from layers.demo.buildings.buildings import Houses, at_walls
from layers.demo.district.district import District
from layers.demo.district.roads import Network
from layers.demo.features.placing import Sites, along_roads, at_crossings, at_gates, azimuth_of
from layers.demo.randomness import pick, some_of
from layers.demo.table import DemoTable

_SHARES = {"crossing": 0.2, "gate": 0.03, "alley": 0.1, "door": 0.32}  # the rest is along roads
_FAVOUR = {"expressway": 1.4, "arterial": 1.6, "sub_arterial": 1.2, "branch": 0.7, "alley": 1.5}
_RANGE_M = {"1": 200.0, "2": 80.0, "3": 60.0, "4": 80.0}  # PTZ dome, dome, fixed, remote bullet
_FOV_DEG = {"1": 60.0, "2": 100.0, "3": 70.0, "4": 60.0}
_DIRECTION = np.array(["4", "6", "1", "5", "3", "7", "2", "8"])  # from north clockwise, as GB/T 28181 numbers them
_SECRET_SHARE = 0.03  # of the points watch government sites


@dataclass
class _Group:
    """Cameras placed for one reason."""

    kind: str
    places: Sites
    names: list[str]
    bound: list[list[str] | None] = field(default_factory=list)

    def inside(self, district: District) -> _Group:
        kept = np.flatnonzero(district.inside(self.places.points)).tolist()
        bound = [self.bound[k] for k in kept] if self.bound else []
        return _Group(self.kind, self.places.only(np.array(kept, dtype=np.int64)), [self.names[k] for k in kept], bound)


def make_cameras(
    district: District, network: Network, villages: NDArray[np.object_], houses: Houses, watched: list[DemoTable]
) -> DemoTable:
    """Return the table of video points, exactly as many as the district's count.

    Parameters
    ----------
    watched
        Point layers of which every feature gets its own bound camera: facilities, flood points.
    """
    rng = district.rng("cameras")
    count = district.count("video_points")
    groups = [_bound(watched, count // 4, rng)]
    crossings = at_crossings(network)
    crossings = crossings.only(some_of(rng, len(crossings.points), round(count * _SHARES["crossing"])))
    groups.append(_Group("crossing", crossings, [f"{n}路口" for n in network.name[crossings.road]]))
    groups += _in_villages(district, network, villages, houses, count, rng)
    groups.append(_at_doors(district, houses, round(count * _SHARES["door"]), rng))
    groups = [group.inside(district) for group in groups]
    rest = count - sum(len(group.names) for group in groups)
    groups.append(_on_roads(district, network, rest, rng))
    return _camera_table(district, groups, rng)


def _bound(watched: list[DemoTable], most: int, rng: np.random.Generator) -> _Group:
    ids = [i for table in watched for i in table.ids][:most]
    names = [n for table in watched for n in table.column("name")][:most]
    points = shapely.get_coordinates(np.concatenate([t.geometry for t in watched]))[:most]
    turn = rng.uniform(0, 2 * np.pi, len(points))
    away = np.column_stack([np.cos(turn), np.sin(turn)])
    places = Sites(points + 14 * away, azimuth_of(-away), np.full(len(points), -1))
    return _Group("bound", places, names, [[i] for i in ids])


def _in_villages(
    district: District,
    network: Network,
    villages: NDArray[np.object_],
    houses: Houses,
    count: int,
    rng: np.random.Generator,
) -> list[_Group]:
    names = [v.name for v in district.plan.villages]
    gates, gate_names = [], []
    for number, village in enumerate(villages):
        places = at_gates(network, village)
        two_ways = Sites(
            np.repeat(places.points, 2, axis=0),
            (np.repeat(places.azimuth_deg, 2) + np.tile([0, 180], len(places.road))) % 360,
            np.repeat(places.road, 2),
        )
        gates.append(two_ways)
        gate_names += [f"{names[number]}{network.name[r]}村口" for r in two_ways.road]
    gate = Sites(*(np.concatenate([getattr(g, f) for g in gates]) for f in ("points", "azimuth_deg", "road")))
    few = some_of(rng, len(gate.points), round(count * _SHARES["gate"]))
    inner = np.flatnonzero(houses.village >= 0)
    walls = some_of(rng, len(inner), round(count * _SHARES["alley"]))
    which = inner[walls]
    ring = shapely.get_coordinates(shapely.get_exterior_ring(houses.shapes[which])).reshape(len(which), -1, 2)
    turn = rng.integers(0, 4, len(which))
    corner, ahead = ring[np.arange(len(which)), turn], ring[np.arange(len(which)), turn + 1]
    outward = corner - houses.centre[which]
    corner = corner + 0.3 * outward / np.hypot(*outward.T)[:, None]
    alley = Sites(corner, azimuth_of(ahead - ring[np.arange(len(which)), turn]), np.full(len(which), -1))
    return [
        _Group("gate", gate.only(few), [gate_names[k] for k in few]),
        _Group("alley", alley, [f"{names[v]}巷内" for v in houses.village[which]]),
    ]


def _at_doors(district: District, houses: Houses, count: int, rng: np.random.Generator) -> _Group:
    outer = Houses(*(getattr(houses, f)[houses.village < 0] for f in ("shapes", "centre", "style", "village", "group")))
    which = np.concatenate(  # every house gets a camera before any gets a second
        [
            some_of(rng, len(outer.shapes), count),
            rng.integers(0, len(outer.shapes), max(count - len(outer.shapes), 0)),
        ]
    )
    points, away = at_walls(outer, which, rng)
    places = Sites(points, azimuth_of(away), np.full(len(which), -1))
    return _Group("door", places, [f"{s[:-2]}楼宇出入口" for s in district.street_name_at(places.points)])


def _on_roads(district: District, network: Network, count: int, rng: np.random.Generator) -> _Group:
    places = along_roads(network, round(count * 1.03) + 20, _FAVOUR, 1.2, rng)
    inside = np.flatnonzero(district.inside(places.points))
    places = places.only(inside[some_of(rng, len(inside), count)])
    return _Group("road", places, [f"{n}沿线" for n in network.name[places.road]])


def _camera_table(district: District, groups: list[_Group], rng: np.random.Generator) -> DemoTable:
    kind = np.repeat([g.kind for g in groups], [len(g.names) for g in groups])
    points = np.vstack([g.places.points for g in groups])
    azimuth = np.concatenate([g.places.azimuth_deg for g in groups]) + rng.normal(0, 6, len(kind))
    azimuth = np.round(azimuth % 360, 1) % 360
    bound = [b for g in groups for b in (g.bound or [None] * len(g.names))]
    names = [f"{n}{i % 9973 + 1:04d}" for i, n in enumerate(n for g in groups for n in g.names)]
    columns = _view(kind, azimuth, rng) | _ownership(district, kind, rng)
    ids = _codes(district, kind, columns["camera_type"])
    secret = (rng.random(len(ids)) < _SECRET_SHARE) & ~np.isin(kind, ["bound"])
    columns["position_type"] = np.where(secret, "2", columns["position_type"])
    columns |= {
        "name": [f"{n[:-4]}（党政机关）{n[-4:]}" if s else n for n, s in zip(names, secret.tolist(), strict=True)],
        "device_id": ids,
        "civil_code": district.code,
        "bound_objects": bound,
        "data_grade": np.where(secret, 4, 3),
    }
    return DemoTable("video_points", ids, shapely.points(points), columns)


def _codes(district: District, kind: NDArray[np.str_], camera_type: NDArray[np.str_]) -> list[str]:
    """Return codes of GB/T 28181, twenty digits: centre 8, industry 2, type 3, network 1, number 6."""
    industry = {"crossing": "05", "road": "04", "gate": "01", "alley": "01", "door": "02", "bound": "08"}
    return [
        f"{district.code}00{industry[k]}{'131' if t == '2' else '132'}0{i + 1:06d}"
        for i, (k, t) in enumerate(zip(kind.tolist(), camera_type.tolist(), strict=True))
    ]


def _view(kind: NDArray[np.str_], azimuth: NDArray[np.float64], rng: np.random.Generator) -> dict[str, Any]:
    count = len(kind)
    camera_type = np.where(
        np.isin(kind, ["crossing", "bound"]),
        pick(rng, count, {"1": 4, "3": 5, "4": 1}),
        np.where(kind == "door", pick(rng, count, {"2": 6, "3": 4}), pick(rng, count, {"1": 2, "2": 1, "3": 7})),
    )
    measured = rng.random(count) < 0.8
    height = np.where(
        np.isin(kind, ["crossing", "road", "bound"]), rng.uniform(5.5, 8.0, count), rng.uniform(2.8, 4.5, count)
    )
    return {
        "camera_type": camera_type,
        "azimuth_deg": azimuth,
        "azimuth_source": np.where(measured, "measured", "estimated"),
        "direction_type": _DIRECTION[np.rint(azimuth / 45).astype(int) % 8],
        "hfov_deg": np.round(np.array([_FOV_DEG[t] for t in camera_type.tolist()]) + rng.integers(-10, 11, count)),
        "vfov_deg": np.round(rng.uniform(32, 48, count)),
        "tilt_deg": np.round(rng.uniform(8, 30, count)),
        "ptz_home_azimuth": [
            a if t == "1" else None for a, t in zip(azimuth.tolist(), camera_type.tolist(), strict=True)
        ],
        "range_m": np.round(np.array([_RANGE_M[t] for t in camera_type.tolist()]) * rng.uniform(0.8, 1.2, count)),
        "mount_height_m": np.round(height, 1),
        "resolution_code": pick(rng, count, {"5": 1, "6": 7, "7": 2}),
        "has_night_vision": rng.random(count) < 0.85,
        "has_ai": rng.random(count) < 0.22,
    }


def _ownership(district: District, kind: NDArray[np.str_], rng: np.random.Generator) -> dict[str, Any]:
    count = len(kind)
    point_class = np.select([kind == "door", np.isin(kind, ["alley", "bound"])], ["3", "2"], "1")
    owner = {"1": "公安视频云平台（示例）", "2": "街道综治中心（示例）", "3": "社会单位（示例）"}
    position = np.select(
        [kind == "crossing", kind == "road", np.isin(kind, ["gate", "alley"]), kind == "bound"],
        ["10", "10", "9", "10"],
        pick(rng, count, {"6": 5, "8": 3, "4": 1, "3": 1}),
    )
    online = pick(rng, count, {"online": 945, "offline": 35, "fault": 15, "unknown": 5})
    since = rng.integers(60, 90 * 86_400, count)
    return {
        "point_class": point_class,
        "position_type": position,
        "owner_org": [f"{district.plan.short}{owner[c]}" for c in point_class.tolist()],
        "shared_with": [["street", "emergency", "water"] if c != "3" else None for c in point_class.tolist()],
        "online_status": online,
        "status_since": [district.as_of - timedelta(seconds=s) for s in since.tolist()],
    }


def bind_cameras(cameras: DemoTable, flood_points: DemoTable) -> None:
    """Write the ids of the cameras of each flood point into its table."""
    watching: dict[str, list[str]] = {}
    for camera, bound in zip(cameras.ids, cameras.column("bound_objects"), strict=True):
        for feature in bound or ():
            watching.setdefault(feature, []).append(camera)
    flood_points.columns["camera_ids"] = [watching.get(i) for i in flood_points.ids]
