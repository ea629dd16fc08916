"""One feature for each question of table 7.3: in the reader's area or another, its matter or not, shared or not."""

from __future__ import annotations

from datetime import UTC, datetime

STREET, COMMUNITY, GRID = "440106011", "440106011001", "440106011001001"
OTHER_GRID = "440106012003002"
OWN = {"area_code": COMMUNITY, "grid_code": GRID}
NEXT = {"area_code": COMMUNITY, "grid_code": "440106011001002"}
OTHER = {"area_code": "440106012003", "grid_code": OTHER_GRID}
HERE, THERE = "POINT(113.3321234 23.1231234)", "POINT(113.4021234 23.1431234)"
SQUARE = "MULTIPOLYGON(((113.332 23.123, 113.333 23.123, 113.333 23.124, 113.332 23.123)))"


def _event(place, event_class, handler):
    return {
        **place, "source": "hotline", "data_grade": 2, "event_class": event_class, "title": "积水",
        "address": "天河路1号", "description": "张三反映积水",
        "description_redacted": "**反映积水", "handler_id": handler,
        "complainant_name": "张小三", "complainant_phone": "13812341234", "extra": '{"caller": "张小三"}',
    }  # fmt: skip


def _worker(place, number, *, on_duty=True):
    return {
        **place, "worker_id": number, "name": "李小四", "phone": "13912341234", "grid_codes": [place["grid_code"]],
        "on_duty": on_duty, "position_at": datetime(2026, 11, 1, tzinfo=UTC), "data_grade": 3,
    }  # fmt: skip


def _vehicle(place, kind):
    return {**place, "plate_no": "粤A12345", "vehicle_kind": kind, "sim_no": "10012345678", "data_grade": 2}


def _camera(place, shared_with):
    return {
        **place, "shared_with": shared_with, "azimuth_deg": 90.5, "view_geom": "{}", "play_ref": "ref", "data_grade": 3,
    }  # fmt: skip


def _resource(place, grade, kind="warehouse"):
    return {
        **place, "resource_type": kind, "contact_name": "王小五", "contact_phone": "13712341234", "quantity": 40.0,
        "available_quantity": 30.5, "stock": '[{"n": 1}]', "capacity_persons": 300, "data_grade": grade,
    }  # fmt: skip


FEATURES = {
    "events": [
        ("own", HERE, _event(OWN, "0406", "W1")),
        ("own-other-task", HERE, _event(OWN, "0101", "W2")),
        ("next-grid", HERE, _event(NEXT, "0101", "W2")),
        ("other", THERE, _event(OTHER, "0101", "W9")),
        ("warning", HERE, {**_event(OTHER, None, None), "source": "weather_warning", "data_grade": 1}),
    ],
    "grid_workers": [
        ("W1", HERE, _worker(OWN, "W1")),
        ("W2", HERE, _worker(OWN, "W2")),
        ("W3", HERE, _worker(OWN, "W3", on_duty=False)),
        ("W9", THERE, _worker(OTHER, "W9")),
    ],
    "vehicles": [("own", HERE, _vehicle(OWN, "emergency_pump")), ("other", THERE, _vehicle(OTHER, "bus"))],
    "video_points": [
        ("shared", HERE, _camera(OWN, ["street", "water"])),
        ("private", HERE, _camera(OWN, None)),
        ("other", THERE, _camera(OTHER, ["street", "water"])),
    ],
    "emergency_resources": [
        ("own", HERE, _resource(OWN, 2)),
        ("other", THERE, _resource(OTHER, 2)),
        ("public", THERE, _resource(OTHER, 1, "shelter")),
    ],
    "water_facilities": [
        ("own", HERE, {**OWN, "facility_type": "pump", "pump_count": 3, "start_level_m": 1.5, "data_grade": 2}),
        ("other", THERE, {**OTHER, "facility_type": "pump", "pump_count": 3, "start_level_m": 1.5, "data_grade": 2}),
        ("public", THERE, {**OTHER, "facility_type": "pump", "pump_count": 3, "start_level_m": 1.5, "data_grade": 1}),
    ],
    "buildings": [
        ("own", SQUARE, {**OWN, "population": 42, "data_grade": 2}),
        ("other", SQUARE, {**OTHER, "population": 42, "data_grade": 2}),
    ],
    "grids": [
        (GRID, SQUARE, {"grid_code": GRID, "area_code": COMMUNITY, "population": 900, "data_grade": 2}),
        (OTHER_GRID, SQUARE, {**OTHER, "population": 900, "data_grade": 2}),
    ],
}
OBSERVED = [
    (pump, name, value)
    for pump in ("own", "other", "public")
    for name, value in (("pumps_running", 2.0), ("opening_m", 0.5))
]
"""Of the water facilities: id, property and value."""
SERVED = {"pumps_running": 2, "opening_m": 0.5, "pump_state": "running"}
"""Their live values, as the whole feature has them."""
