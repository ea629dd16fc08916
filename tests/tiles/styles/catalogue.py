"""A catalogue of the shipped definitions without a database, and styles as text: one line for each style layer."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import orjson

from layers.actor import OPERATOR
from layers.catalog import Catalog, Layer
from layers.definition import read_code_lists, read_definitions
from tiles.styles.style import Surroundings, build_style
from tiles.styles.theme import read_themes

BASE = "http://onemap.test"
OUTLINE = {"type": "Polygon", "coordinates": [[[113.3, 23.1], [113.4, 23.1], [113.4, 23.2], [113.3, 23.1]]]}
EXTENT = (113.3, 23.1, 113.4, 23.2)
SNAPSHOTS = Path(__file__).parent / "snapshots"
_MANY = {"video_points", "iot_devices", "vehicles", "grid_workers", "roads", "buildings"}


def catalogue(**more):
    """Every shipped layer with features; others by id and definition."""
    definitions = {**read_definitions(), **more}
    since = datetime(2026, 1, 1, tzinfo=UTC)
    layers = {
        name: Layer(definition, 1, since, 50_000 if name in _MANY else 100, None, EXTENT)
        for name, definition in definitions.items()
    }
    return Catalog(layers, read_code_lists())


def style_of(name, actor=OPERATOR, **more):
    theme = read_themes()[name]
    return build_style(catalogue(), actor, theme, Surroundings(BASE, OUTLINE), **more)


def text_of(style):
    """Return the parts of a style that a review of a change needs."""
    heads = [f"{key}: {_short(style[key])}" for key in ("name", "metadata", "sprite")]
    sources = [f"source {name}: {_short(source)}" for name, source in style["sources"].items()]
    layers = [_line(layer) for layer in style["layers"]]
    return "\n".join([*heads, *sources, *layers]) + "\n"


def _line(layer):
    rest = {key: value for key, value in layer.items() if key not in {"id", "type", "source", "metadata"}}
    return f"{layer['id']} {layer['type']} {_short(rest)}"


def _short(value):
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
