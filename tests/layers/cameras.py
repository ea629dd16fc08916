"""A small layer with every kind of field, for the tests of the builder."""

from __future__ import annotations

from layers.actor import Actor
from layers.definition import FieldDefinition, LayerDefinition

EVERYTHING = Actor("test", clearance=4)


def field(name, type_="string", **more):
    return FieldDefinition(name=name, title_zh="字段", title_en="Field", type=type_, **more)


CAMERAS = LayerDefinition(
    id="cameras",
    title_zh="视频点",
    title_en="Cameras",
    geometry_type="Point",
    grade=2,
    time="installed_at",
    fields=(
        field("name"),
        field("height_m", "number", unit="m"),
        field("installed_at", "datetime"),
        field("tags", "string_array"),
        field("contact_name", grade=3, mask="name"),
        field("contact_phone", grade=3, mask="phone"),
        field("play_ref", grade=4),
        field("secret", internal=True),
        field("data_grade", "integer"),
        field("area_code"),
    ),
)

ROWS = """
INSERT INTO layer.cameras (id, geom, name, height_m, installed_at, tags, contact_name, contact_phone, play_ref, secret,
    data_grade, area_code)
SELECT 'c' || lpad(i::text, 4, '0'),
    ST_SetSRID(ST_MakePoint(113.3 + (i % 20) * 0.005, 23.1 + (i / 20) * 0.005), 4490),
    '摄像机 a<b ' || i, nullif(i % 7, 0) * 1.5,
    timestamptz '2026-01-01 00:00+08' + i * interval '1 hour', ARRAY['x', i::text],
    '张三', '13812345678', 'ref', 'never', 1 + i % 4, '44010601' || (i % 3) || '000'
FROM generate_series(0, $1::int - 1) AS i
"""
