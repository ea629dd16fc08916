"""Messages as senders write them, and strategies that spoil them."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from twin.envelope.kinds import EVENT_FIELDS, OBSERVATION_FIELDS, POSITION_FIELDS

NOW = datetime(2026, 6, 8, 2, 0, tzinfo=UTC)


def envelope(kind: str, data: dict[str, Any], **other: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": "m-1",
        "source": "/feeds/demo",
        "type": f"cn.gov.district.{kind}.created",
        "subject": "vehicles/V-12",
        "time": "2026-06-08T09:58:00+08:00",
        "datacontenttype": "application/json",
        "data": data,
        **other,
    }


POSITION = envelope("position", {"lon": 113.33, "lat": 23.13, "speed_kmh": 32.5, "heading_deg": 91, "fix_valid": True})
OBSERVATION = envelope(
    "observation",
    {"property": "level_m", "value": 1.83, "unit": "m", "quality": "good", "vertical_datum": "pearl"},
    subject="water_level_stations/ST-1",
)
EVENT = envelope(
    "event.hotline",
    {
        "source": "hotline",
        "lon": 113.33,
        "lat": 23.13,
        "title": "道路积水",
        "description": "第一行\n第二行",
        "event_class_code": "4401060406",
        "event_class": "0406",
        "severity": "Ⅱ",
        "stage": "file",
        "confidence": 0.8,
        "occurred_at": "2026-06-08 09:50:00",
        "due_at": "2026-06-10T18:00:00Z",
        "assist_orgs": ["水务局"],
        "area_codes": ["440106", "440106011000"],
        "area": {"type": "Polygon", "coordinates": [[[113.3, 23.1], [113.4, 23.1], [113.4, 23.2], [113.3, 23.1]]]},
        "cap": {"info": {"headline": "暴雨", "codes": [1, 2]}},
        "extra": {"a": {"b": [True, None, 1.5]}},
    },
    subject="events/hotline-20260608-000123",
    version=3,
    senttime="2026-06-08T09:59:00.123+08:00",
    mode="exercise",
)
CHANGE = envelope(
    "feature_change",
    {"change": "patch", "properties": {"online_status": "offline", "tags": ["a"]}, "lon": 113.3, "lat": 23.1},
    subject="video_points/34020000001320000101",
)
DELETE = envelope("feature_change", {"change": "delete"}, subject="video_points/1")
SHAPE = envelope(
    "feature_change",
    {
        "change": "upsert",
        "properties": {"name": "棠下"},
        "geometry": {"type": "Polygon", "coordinates": [[[113.3, 23.1], [113.4, 23.1], [113.4, 23.2], [113.3, 23.1]]]},
    },
    subject="urban_villages/UV1",
)
ALL = (POSITION, OBSERVATION, EVENT, CHANGE, SHAPE, DELETE)

_TIMES = st.sampled_from(
    [
        "2026-06-08T09:58:00", "2026-06-08 09:58:00.5", "2026-02-29T00:00:00Z", "2024-02-29T00:00:00Z",
        "2026-06-08T24:00:00Z", "2026-06-08T23:59:60Z", "1969-12-31T00:00:00Z", "2100-01-01T00:00:00Z",
        "2099-12-31T23:59:59-14:59", "2026-06-08", "20260608T095800Z", "2026-06-08T09:58:00,5Z",
        "2026-06-08t09:58:00z", "2026-06-08T09:58:00Z\n", "２026-06-08T09:58:00Z", "2026-06-31T00:00:00+08:00",
        "2026-06-08T09:58:00.+08:00", "2026-06-08T09:58:00.1234567890Z", "2026-W23-1T09:58:00+08:00",
    ]
)  # fmt: skip
_TEXTS = st.sampled_from(
    ["", "a", "A", "a\0", "a\n", "x" * 63, "x" * 64, "x" * 200, "x" * 201, "一" * 41, "y" * 4001, " ", "a b",
     "vehicles/V-12", "Vehicles/1", "vehicles/", "/x", "vehicles/粤A 1", "440106", "4401060", "4401060406", "0406",
     "cn.gov.event", "event.x", "a.event.position.b", "a.position", "a.b_c.event", "application/json", "text/plain",
     "application/vnd.x+json; charset=utf-8", "exercise", "upsert", "delete", "Polygon", "MultiPolygon", "1.0"]
)  # fmt: skip
_NUMBERS = st.sampled_from(
    [0, -1, 1, 2.0, 0.5, 90, 90.1, -90, 180, 181, 360, 361, 1200, 1201, 1e15, 2e15, 2**31, 2**32]
)
_SCALARS = st.one_of(st.none(), st.booleans(), _TIMES, _TEXTS, _NUMBERS, st.text(max_size=8), st.floats(-1e3, 1e3))
_KEYS = st.sampled_from(
    [
        *sorted({*EVENT_FIELDS, *OBSERVATION_FIELDS, *POSITION_FIELDS}),
        *(
            "lon",
            "lat",
            "value",
            "value_text",
            "properties",
            "change",
            "extra",
            "area",
            "geometry",
            "version",
            "mode",
            "senttime",
        ),
        *("id", "subject", "data", "time", "unit", "cap", "stage", "quality", "x", "X", "a\0b", ""),
    ]
)
_JSON = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=3), max_leaves=8
)


def _paths(value: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [here] if here else []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        found += _paths(inner, (*here, key))
    return found


@st.composite
def spoiled(draw: st.DrawFn, among: tuple[dict[str, Any], ...] = ALL) -> Any:
    """A good message, of any kind unless told which, changed in up to three places."""
    message = copy.deepcopy(draw(st.sampled_from(among)))
    for _ in range(draw(st.integers(0, 3))):
        *way, key = draw(st.sampled_from(_paths(message)))
        parent = message
        for step in way:
            parent = parent[step]
        match draw(st.sampled_from(["replace", "remove", "add", "wrap"])):
            case "replace":
                parent[key] = draw(_JSON)
            case "remove":
                del parent[key]
            case "wrap":
                parent[key] = [parent[key]] if draw(st.booleans()) else {"a": {"a": {"a": parent[key]}}}
            case "add" if isinstance(parent, dict):
                parent[draw(_KEYS)] = draw(_JSON)
        if not _paths(message):
            break
    return message


anything = st.one_of(spoiled(), spoiled(), spoiled(), _JSON)
