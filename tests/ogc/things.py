"""Small layers with every kind of field, geometry and right, for the tests of the OGC API."""

from __future__ import annotations

from layers.actor import OPERATOR, Actor
from layers.definition import FieldDefinition, LayerDefinition
from tests.readers import INSIDER

ACTORS = {
    "anonymous": INSIDER,
    "operator": OPERATOR,
    "street": Actor("street", clearance=2, area_prefixes=("440106011",)),
    "masked": Actor("masked", clearance=2, sees_masked=True),
}


def field(name, type_="string", title_zh="字段", title_en="Field", **more):
    return FieldDefinition(name=name, title_zh=title_zh, title_en=title_en, type=type_, **more)


COMMON = (
    field("name", title_zh="名称", title_en="Name", max_length=100),
    field("height_m", "number", unit="m", title_zh="高度", title_en="Height"),
    field("floors", "integer"),
    field("active", "boolean"),
    field("built", "date"),
    field("seen_at", "datetime"),
    field("status", codes="status", title_zh="状态", title_en="Status"),
    field("tags", "string_array"),
    field("extra", "json"),
    field("contact", grade=3, mask="name"),
    field("secret", grade=3),
    field("inner", internal=True),
    field("data_grade", "integer"),
    field("area_code"),
)


def layer(name, geometry_type, title_zh, title_en, **more):
    return LayerDefinition(
        id=name, title_zh=title_zh, title_en=title_en, geometry_type=geometry_type, grade=2, fields=COMMON, **more
    )


POINTS = layer(
    "points", "Point", "点", "Points", time="seen_at", keywords=("点", "point"), attribution="© 测试", synthetic=True
)
AREAS = layer("areas", "MultiPolygon", "面", "Areas", openness="unconditional")
LINES = layer("lines", "MultiLineString", "线", "Lines")
LIST = layer("plain_list", "None", "表", "List")
HIDDEN = layer("hidden", "Point", "密", "Hidden").model_copy(update={"grade": 4})
LAYERS = (POINTS, AREAS, LINES, LIST, HIDDEN)

GEOMETRIES = {
    "points": "ST_MakePoint(x, y)",
    "areas": "ST_Multi(ST_MakeEnvelope(x, y, x + 0.003, y + 0.002))",
    "lines": "ST_Multi(ST_MakeLine(ARRAY[ST_MakePoint(x, y), ST_MakePoint(x + 0.002, y + 0.001)]))",
    "hidden": "ST_MakePoint(x, y)",
}
_ATTRIBUTES = """
    CASE i % 5 WHEN 0 THEN NULL WHEN 1 THEN 'a<b & "c" ' || i ELSE '天河 ' || i END,
    nullif(i % 11, 0) * 1.5, nullif(i % 13, 0), CASE i % 3 WHEN 0 THEN NULL ELSE i % 3 = 1 END,
    date '2025-01-01' + i, timestamptz '2026-01-01 00:00+08' + i * interval '7 hours',
    CASE WHEN i % 4 > 0 THEN 'in_use' END,
    ARRAY['x', (i % 3)::text], jsonb_build_object('k', i), '张三', 'secret', 'never',
    CASE WHEN '{id}' = 'hidden' THEN 4 ELSE 1 + i % 4 END, '4401060' || (11 + i % 3) || '000'
    FROM generate_series(0, $1::int - 1) AS i,
        LATERAL (SELECT 113.3 + (i % 20) * 0.005 AS x, 23.1 + (i / 20) * 0.005 AS y) AS place
"""


def rows(definition, first=0):
    """Return the statement that fills a layer; its one value is the number of rows."""
    shape = GEOMETRIES.get(definition.id)
    geom, value = ("geom, ", f"ST_SetSRID({shape}, 4490), ") if shape else ("", "")
    columns = ", ".join(f'"{f.name}"' for f in COMMON)
    table = f'INSERT INTO layer."{definition.id}" (id, {geom}{columns})'
    return f"{table} SELECT 'r' || lpad((i + {first})::text, 4, '0'), {value}{_ATTRIBUTES.format(id=definition.id)}"
