"""Devices: poles along the roads that carry several devices each, manhole covers, sensors, bins, gauges."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from layers.demo.buildings.buildings import Houses
from layers.demo.district.district import District
from layers.demo.district.roads import Network
from layers.demo.district.water import Waters
from layers.demo.features.placing import along_roads
from layers.demo.features.stations import ONLINE
from layers.demo.randomness import pick, some_of
from layers.demo.table import DemoTable

_POLE_FAVOUR = {"expressway": 1.2, "arterial": 1.5, "sub_arterial": 1.3, "branch": 0.7, "alley": 0.3}
_ROAD_FAVOUR = {"expressway": 0.8, "arterial": 1.4, "sub_arterial": 1.2, "branch": 1.0, "alley": 0.8}
_ON_POLE = {"street_light": 6, "weather_micro": 1, "noise": 1, "flow_count": 1.4, "dust": 0.6}
_IN_HOUSE = {"smoke": 6, "electric_fire": 4, "gas": 3}
_NOUN = {
    "manhole": "智能井盖",
    "smart_pole": "多功能杆",
    "street_light": "路灯",
    "water_level": "水位计",
    "water_depth": "积水传感器",
    "rain": "雨量计",
    "water_quality": "水质监测仪",
    "gas": "燃气报警器",
    "smoke": "烟感",
    "electric_fire": "电气火灾探测器",
    "gallery_env": "管廊环境传感器",
    "noise": "噪声监测仪",
    "dust": "扬尘监测仪",
    "parking": "车位检测器",
    "waste_bin": "智能垃圾箱",
    "flow_count": "客流计",
    "weather_micro": "微气象站",
    "tilt": "倾斜传感器",
}
_PROTOCOL = {
    "smoke": "nb_iot",
    "gas": "nb_iot",
    "manhole": "nb_iot",
    "waste_bin": "nb_iot",
    "parking": "coap",
    "gallery_env": "modbus_gw",
    "tilt": "lwm2m",
}
_INTERVAL_S = {
    "smoke": 86_400,
    "gas": 43_200,
    "manhole": 86_400,
    "waste_bin": 3600,
    "street_light": 900,
    "electric_fire": 600,
    "tilt": 3600,
}
_COMPONENT = {"manhole": "0103", "street_light": "0110", "smart_pole": "0110", "waste_bin": "0301"}
_BATTERY = {"smoke", "gas", "manhole", "waste_bin", "parking", "tilt"}


@dataclass
class _DeviceBatch:
    """Devices of one origin; `carrier` is the position of each device's pole in the batch, -1 for none."""

    kind: NDArray[np.str_]
    points: NDArray[np.float64]
    mounted_on: list[str]
    carrier: NDArray[np.int64]

    def only(self, which: NDArray[np.int64]) -> _DeviceBatch:
        return _DeviceBatch(
            self.kind[which], self.points[which], [self.mounted_on[k] for k in which], self.carrier[which]
        )


def make_devices(
    district: District, network: Network, houses: Houses, waters: Waters, flood_points: DemoTable
) -> DemoTable:
    """Return the table of devices, exactly the district's count; poles come first, so that others can refer to them."""
    rng = district.rng("devices")
    count = district.count("iot_devices")
    batches = [
        _poles(network, round(count * 0.15), rng),
        _gauges(waters, flood_points, round(count * 0.05), rng),
        _in_houses(district, houses, round(count * 0.3), rng),
        _beside(network, round(count * 0.05), {"waste_bin": 3, "parking": 2}, 2.0, "路边", rng),
        _beside(network, round(count * 0.01), {"gallery_env": 3, "tilt": 1}, -3.0, "综合管廊", rng),
    ]
    batches = [batches[0], *(b.only(np.flatnonzero(district.inside(b.points))) for b in batches[1:])]
    rest = max(count - sum(len(b.points) for b in batches), 0)
    covers = _beside(network, round(rest * 1.04) + 20, {"manhole": 1}, -2.5, "路面", rng)
    inside = np.flatnonzero(district.inside(covers.points))
    batches.append(covers.only(inside[some_of(rng, len(inside), rest)]))
    return _device_table(district, batches, rng)


def bind_sensors(devices: DemoTable, flood_points: DemoTable) -> None:
    """Write the ids of the sensors in each flood point into its table."""
    place = {name: k for k, name in enumerate(flood_points.column("name"))}
    sensors: list[list[str] | None] = [None] * len(flood_points)
    for device, kind, on in zip(devices.ids, devices.column("device_type"), devices.column("mounted_on"), strict=True):
        if kind == "water_depth" and on in place:
            sensors[place[on]] = [*(sensors[place[on]] or []), device]
    flood_points.columns["sensor_ids"] = sensors


def _poles(network: Network, count: int, rng: np.random.Generator) -> _DeviceBatch:
    """Return poles with one to three devices each, all at the pole's point."""
    places = along_roads(network, count, _POLE_FAVOUR, 0.8, rng)
    carried = rng.integers(1, 4, len(places.points))
    pole = np.repeat(np.arange(len(carried)), carried)
    names = [f"{n}灯杆" for n in network.name[places.road]]
    return _DeviceBatch(
        np.concatenate([np.full(len(carried), "smart_pole", dtype="<U16"), pick(rng, len(pole), _ON_POLE)]),
        np.vstack([places.points, places.points[pole]]),
        [f"{n}路侧" for n in network.name[places.road]] + [names[k] for k in pole],
        np.concatenate([np.full(len(carried), -1), pole]),
    )


def _gauges(waters: Waters, flood_points: DemoTable, count: int, rng: np.random.Generator) -> _DeviceBatch:
    """Return a depth sensor at each flood point, and level, quality and rain gauges along the creeks."""
    depth_at = shapely.get_coordinates(flood_points.geometry)[: max(count // 2, 1)]
    names = flood_points.column("name")[: len(depth_at)]
    creeks = waters.of_kind("creek", "river")
    kinds = pick(rng, max(count - len(depth_at), 1), {"water_level": 4, "water_quality": 2, "rain": 2})
    own = rng.integers(0, len(creeks), len(kinds))
    lines = np.array([creeks[k].line for k in own], dtype=object)
    points = shapely.get_coordinates(shapely.line_interpolate_point(lines, rng.random(len(own)), normalized=True))
    points += rng.normal(0, 1, points.shape) * np.array([[creeks[k].width_m / 3] for k in own])
    return _DeviceBatch(
        np.concatenate([np.full(len(depth_at), "water_depth", dtype="<U16"), kinds]),
        np.vstack([depth_at + 1.5, points]),
        [*names, *(f"{creeks[k].name}岸边" for k in own)],
        np.full(len(depth_at) + len(kinds), -1),
    )


def _in_houses(district: District, houses: Houses, count: int, rng: np.random.Generator) -> _DeviceBatch:
    weight = np.where(houses.village >= 0, 2.0, 1.0)
    house = np.sort(rng.choice(len(weight), count, p=weight / weight.sum()))
    points = shapely.get_coordinates(shapely.point_on_surface(houses.shapes[house])) + rng.uniform(
        -1.5, 1.5, (count, 2)
    )
    names = [district.plan.villages[v].name if v >= 0 else "楼宇" for v in houses.village[house].tolist()]
    return _DeviceBatch(pick(rng, count, _IN_HOUSE), points, [f"{n}室内" for n in names], np.full(count, -1))


def _beside(
    network: Network, count: int, kinds: Mapping[str, float], beside_m: float, noun: str, rng: np.random.Generator
) -> _DeviceBatch:
    places = along_roads(network, count, _ROAD_FAVOUR, beside_m, rng)
    names = [f"{n}{noun}" for n in network.name[places.road]]
    return _DeviceBatch(pick(rng, len(names), kinds), places.points, names, np.full(len(names), -1))


def _device_table(district: District, batches: list[_DeviceBatch], rng: np.random.Generator) -> DemoTable:
    kind = np.concatenate([b.kind for b in batches])
    count = len(kind)
    carrier = np.concatenate([b.carrier for b in batches])  # only the first batch has carriers, so positions hold
    ids = [f"{district.code}D{i:07d}" for i in range(count)]
    kinds = kind.tolist()
    interval = np.array([_INTERVAL_S.get(k, 300) for k in kinds])
    online = pick(rng, count, ONLINE)
    ago = np.where(online == "online", rng.uniform(0, 1, count), rng.uniform(4, 300, count)) * interval
    battery = np.isin(kind, list(_BATTERY))
    charge = np.round(rng.uniform(12, 100, count))
    columns: dict[str, Any] = {
        "name": [
            f"{m}{_NOUN[k]}{i % 9973 + 1:04d}"
            for i, (k, m) in enumerate(zip(kinds, (m for b in batches for m in b.mounted_on), strict=True))
        ],
        "device_sn": [f"SN{district.code}{n:010d}" for n in rng.permutation(10 * count)[:count].tolist()],
        "device_type": kind,
        "model_id": [f"DEMO-{k.upper()}-{v}" for k, v in zip(kinds, rng.integers(1, 5, count).tolist(), strict=True)],
        "protocol": [_PROTOCOL.get(k, "mqtt") for k in kinds],
        "parent_id": [ids[c] if c >= 0 else None for c in carrier.tolist()],
        "mounted_on": [m for b in batches for m in b.mounted_on],
        "component_code": [
            f"{district.code}{_COMPONENT[k]}{i % 10**6:06d}" if k in _COMPONENT else None for i, k in enumerate(kinds)
        ],
        "install_date": [(district.as_of - timedelta(days=n)).date() for n in rng.integers(20, 2200, count).tolist()],
        "owner_org": f"{district.plan.name}政务服务和数据管理局（示例）",
        "maintainer_org": "示例运维单位",
        "report_interval_s": interval,
        "last_seen_at": [district.as_of - timedelta(seconds=round(s)) for s in ago.tolist()],
        "battery_pct": [c if b else None for c, b in zip(charge.tolist(), battery.tolist(), strict=True)],
        "signal_dbm": np.round(rng.normal(-84, 11, count)),
        "online_status": online,
        "data_grade": 2,
    }
    return DemoTable("iot_devices", ids, shapely.points(np.vstack([b.points for b in batches])), columns)
