"""A small town of known features: four blocks, a lane, lamps of two grades."""

from __future__ import annotations

from layers.definition import FieldDefinition, LayerDefinition, MapHints


def field(name, kind="string", **more):
    return FieldDefinition(name=name, title_zh=f"字段{name}", title_en=name.title(), type=kind, **more)


BLOCKS = LayerDefinition(
    id="blocks",
    title_zh="街区",
    title_en="Blocks",
    geometry_type="MultiPolygon",
    grade=1,
    map=MapHints(label="name", tile_fields=("name", "storeys"), min_zoom=5),
    fields=(field("name"), field("storeys", "integer"), field("unseen")),
)
LAMPS = LayerDefinition(
    id="lamps",
    title_zh="路灯",
    title_en="Lamps",
    geometry_type="Point",
    grade=2,
    map=MapHints(tile_fields=("tags", "lit_on", "about", "owner", "phone")),
    fields=(
        field("tags", "string_array"),
        field("lit_on", "date"),
        field("about", "json"),
        field("owner", grade=3),
        field("phone", grade=3, mask="phone"),
        field("data_grade", "integer", required=True),
    ),
)
SECRETS = LayerDefinition(
    id="secrets", title_zh="机密", title_en="Secrets", geometry_type="Point", grade=4, fields=(field("name"),)
)

ROWS = """
INSERT INTO layer.blocks (id, geom, name, storeys, unseen)
SELECT 'b' || n, ST_Multi(ST_MakeEnvelope(113.30 + n * 0.002, 23.10, 113.3015 + n * 0.002, 23.1015, 4490)),
    '街区' || n, n * 10, 'no' FROM generate_series(0, 3) AS n;
INSERT INTO layer.blocks (id, geom, name) SELECT 'tiny',
    ST_Multi(ST_MakeEnvelope(113.31, 23.1, 113.310001, 23.100001, 4490)), '小';
INSERT INTO layer.lamps (id, geom, tags, lit_on, about, owner, phone, data_grade)
SELECT 'l' || n, ST_SetSRID(ST_Point(113.30 + n * 0.0001, 23.1005), 4490), ARRAY['a', 'b'], '2026-01-01', '{"w": 5}',
    '张三', '13812345678', 1 + n % 4 FROM generate_series(0, 39) AS n;
INSERT INTO layer.secrets (id, geom, name) VALUES ('s', ST_SetSRID(ST_Point(113.3, 23.1), 4490), 'x');
"""
