"""Events of the past days: more by day and where people live, each at some step of its handling."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from layers.demo.buildings.addresses import addresses
from layers.demo.buildings.buildings import Houses
from layers.demo.district.district import District
from layers.demo.district.roads import Network
from layers.demo.features.placing import along_roads
from layers.demo.randomness import pick
from layers.demo.table import DemoTable

_DAYS = 5
_SOURCES = {
    "hotline": 40,
    "grid_case": 28,
    "video_ai": 12,
    "iot_alarm": 10,
    "public_report": 7,
    "patrol_uav": 2,
    "enterprise_appeal": 1,
}
_CLASSES = {"0101": 9, "0102": 22, "0103": 14, "0104": 20, "0105": 6, "0106": 9, "0406": 12}
_LABEL = {
    "0101": "违法搭建",
    "0102": "暴露垃圾",
    "0103": "积存垃圾渣土",
    "0104": "道路不洁",
    "0105": "水域不洁",
    "0106": "绿地脏乱",
    "0406": "道路积水",
}
_METHOD = {
    "hotline": "geocode",
    "grid_case": "gps",
    "video_ai": "device",
    "iot_alarm": "device",
    "public_report": "gps",
}
_STEPS = ("reported_at", "accepted_at", "dispatched_at", "handled_at", "verified_at", "closed_at")
_STAGE = ("collect", "file", "dispatch", "handle", "feedback", "verify", "closed")  # after how many steps


@dataclass
class _Course:
    """The times of events and of their finished steps."""

    occurred_at: list[datetime]
    steps: dict[str, list[datetime | None]]
    done: NDArray[np.int64]


def make_events(
    district: District, network: Network, houses: Houses, watched: list[str], villages: NDArray[np.object_]
) -> DemoTable:
    """Return the table of events at doors and along roads; `watched` are ids of devices that report some of them."""
    rng = district.rng("events")
    count = district.count("events")
    points = _where(district, network, houses, count, rng)
    course = _course(district, count, rng)
    source, label = pick(rng, count, _SOURCES), pick(rng, count, _CLASSES)
    ids = [
        f"{s}-{t:%Y%m%d}-{district.code}{i:05d}"
        for i, (s, t) in enumerate(zip(source.tolist(), course.occurred_at, strict=True))
    ]
    severity = pick(rng, count, {"1": 3, "2": 17, "3": 80})
    due = [
        t + timedelta(hours={"1": 2, "2": 24, "3": 72}[s])
        for t, s in zip(course.occurred_at, severity.tolist(), strict=True)
    ]
    place = district.street_name_at(points)
    device = rng.integers(0, len(watched), count).tolist()
    by_device = np.isin(source, ["iot_alarm", "video_ai"]).tolist()
    text = [f"{p}附近{_LABEL[c]}（示例）" for p, c in zip(place, label.tolist(), strict=True)]
    columns: dict[str, Any] = {
        "name": text,
        "title": text,
        "description": [f"{t}，请尽快处理。" for t in text],
        "description_redacted": [f"{t}，请尽快处理。" for t in text],
        "address": addresses(district, network, points),
        "source": source,
        "source_event_id": ids,
        "source_version": 1,
        "event_class_code": [f"{district.code}{c}" for c in label.tolist()],
        "event_class": label,
        "severity": severity,
        "confidence": np.round(np.where(by_device, rng.uniform(0.6, 0.99, count), 1.0), 2),
        "occurred_at": course.occurred_at,
        "phenomenon_time": course.occurred_at,
        "sent_time": course.steps["reported_at"],
        "ingested_at": course.steps["reported_at"],
        "stage": [_STAGE[n] for n in course.done.tolist()],
        "level_current": pick(rng, count, {"community": 50, "street": 40, "district": 10}),
        "due_at": due,
        "overdue": [d < (closed or district.as_of) for d, closed in zip(due, course.steps["closed_at"], strict=True)],
        "lead_org": [f"{p}办事处（示例）" for p in place],
        "location_method": [_METHOD.get(s, "manual") for s in source.tolist()],
        "location_accuracy_m": np.round(rng.uniform(3, 60, count)),
        "device_ids": [[watched[k]] if b else None for k, b in zip(device, by_device, strict=True)],
        "urban_village_ids": _villages_at(district, points, villages),
        "data_grade": 2,
    }
    return DemoTable("events", ids, shapely.points(points), columns | course.steps)


def _where(
    district: District, network: Network, houses: Houses, count: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    doors = houses.centre[rng.integers(0, len(houses.centre), count)] + rng.uniform(-12, 12, (count, 2))
    roads = along_roads(
        network, count, {"arterial": 1, "sub_arterial": 1.4, "branch": 1.2, "alley": 3}, 1.0, rng
    ).points
    points = np.where((rng.random(count) < 0.6)[:, None], doors, rng.permutation(roads))
    return np.where(district.inside(points)[:, None], points, houses.centre[rng.integers(0, len(houses.centre), count)])


def _course(district: District, count: int, rng: np.random.Generator) -> _Course:
    hours = np.arange(24 * _DAYS)
    ago = district.as_of - timedelta(hours=1)
    weight = np.array(
        [1 + 4 * max(0, np.sin((((ago - timedelta(hours=int(h))).hour - 6) % 24) / 16 * np.pi)) for h in hours]
    )
    hour = rng.choice(hours, count, p=weight / weight.sum())
    second = rng.integers(0, 3600, count)
    occurred = [ago - timedelta(hours=h, seconds=s) for h, s in zip(hour.tolist(), second.tolist(), strict=True)]
    waits = np.cumsum(rng.lognormal([-1.5, -1.0, 0.2, 2.2, 0.8, 1.2], 0.6, (count, len(_STEPS))), axis=1)
    steps: dict[str, list[datetime | None]] = {}
    done = np.zeros(count, dtype=np.int64)
    for k, name in enumerate(_STEPS):
        at = [t + timedelta(seconds=round(3600 * w)) for t, w in zip(occurred, waits[:, k].tolist(), strict=True)]
        steps[name] = [t if t <= district.as_of else None for t in at]
        done += np.array([t is not None for t in steps[name]])
    return _Course(occurred, steps, done)


def _villages_at(
    district: District, points: NDArray[np.float64], villages: NDArray[np.object_]
) -> list[list[str] | None]:
    index, village = shapely.STRtree(villages).query(shapely.points(points), predicate="within")
    found: list[list[str] | None] = [None] * len(points)
    for k, v in zip(index.tolist(), village.tolist(), strict=True):
        found[k] = [f"{district.code}UV{v + 1:03d}"]
    return found
