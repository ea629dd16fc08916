"""A legend, read from a style: its colours with their meaning in both languages."""

from __future__ import annotations

from html import escape

from layers.types import Json
from tiles.styles.drawn import StyledLayer
from tiles.styles.theme import Theme

_NOTE = "onemap:legend"
_SHAPES = {"area": "area", "building": "area", "line": "line", "point": "point"}
_ROW, _TOP, _LEFT, _WIDTH = 22, 40, 16, 340  # pixels


def add_legend(style: Json, layer: StyledLayer) -> None:
    """Write the entry of the legend into the metadata of a style layer, if it is the main one of its layer."""
    shape = _SHAPES.get(style["id"].rpartition(":")[2])
    if shape is None:
        return
    definition, hints = layer.definition, layer.definition.map
    note: Json = {
        "layer": layer.id,
        "shape": shape,
        "title_zh": definition.title_zh,
        "title_en": definition.title_en,
        "group_zh": hints.group_zh,
        "group_en": hints.group_en,
        "color": layer.theme.heights[2].color if style["id"].endswith(":building") else layer.own_color,
        "min_zoom": layer.first_zoom,
        "synthetic": definition.synthetic,
        "field": layer.coloring.field if layer.coloring else None,
        "codes": [
            {"code": code.code, "label_zh": code.label_zh, "label_en": code.label_en, "color": code.color}
            for code in (layer.coloring.codes if layer.coloring else ())
        ],
    }
    note["marks"] = _marks(layer)
    style["metadata"] = {_NOTE: note}


def _marks(layer: StyledLayer) -> list[Json]:
    """Return the signs that a layer has beside its colours: the ring, and the density of what is gathered."""
    hints, marks = layer.definition.map, []
    if hints.ringed in layer.carried:
        field = layer.definition.by_name[str(hints.ringed)]
        marks.append({"sign": "ringed", "title_zh": field.title_zh, "title_en": field.title_en})
    if hints.gather_below is not None:
        zoom = hints.gather_below
        marks.append(
            {"sign": "density", "title_zh": f"密度（{zoom} 级以下）", "title_en": f"Density (below zoom {zoom})"}
        )
    return marks


def legend_of(style: Json) -> list[Json]:
    """Return the entries of a style's legend in the order of drawing: layer, shape, titles, colour, and codes."""
    notes = (layer.get("metadata", {}).get(_NOTE) for layer in style["layers"])
    return [note for note in notes if note]


def legend_svg(style: Json, theme: Theme) -> str:
    """Draw the legend of a style as SVG, titles in both languages."""
    rows: list[str] = []
    for entry in legend_of(style):
        rows.append(_row(len(rows), entry["shape"], entry["color"], _titles(entry, "title"), theme, indent=0))
        rows += [
            _row(len(rows) + number, entry["shape"], code["color"], _titles(code, "label"), theme, indent=22)
            for number, code in enumerate(entry["codes"])
        ]
    height = _TOP + _ROW * len(rows) + 12
    title = f"图例 Legend · {theme.title_zh} {theme.title_en}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" viewBox="0 0 {_WIDTH} {height}"'
        ' font-family="Noto Sans SC, Microsoft YaHei, PingFang SC, sans-serif" font-size="12">'
        f'<rect width="100%" height="100%" fill="{theme.district}"/>'
        f'<text x="{_LEFT}" y="26" fill="{theme.text}" font-size="14" font-weight="600">{escape(title)}</text>'
        f"{''.join(rows)}</svg>"
    )


def _titles(thing: Json, stem: str) -> tuple[str, str]:
    return str(thing[f"{stem}_zh"]), str(thing[f"{stem}_en"])


def _row(number: int, shape: str, color: str, titles: tuple[str, str], theme: Theme, *, indent: int) -> str:
    x, y = _LEFT + indent, _TOP + number * _ROW + _ROW // 2
    swatches = {
        "area": f'<rect x="{x}" y="{y - 6}" width="16" height="12" rx="2" fill="{color}" fill-opacity="0.4"'
        f' stroke="{color}"/>',
        "line": f'<path d="M{x} {y}h16" stroke="{color}" stroke-width="4" stroke-linecap="round"/>',
        "point": f'<circle cx="{x + 8}" cy="{y}" r="5.5" fill="{color}" stroke="{theme.text_soft}"'
        ' stroke-width="0.8"/>',
    }
    zh, en = titles
    text = (
        f'<text x="{x + 26}" y="{y + 4}" fill="{theme.text}">{escape(zh)}'
        f'<tspan dx="6" fill="{theme.text_soft}" font-size="11">{escape(en)}</tspan></text>'
    )
    return swatches[shape] + text
