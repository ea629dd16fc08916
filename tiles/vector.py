"""Vector tiles straight from PostGIS: one statement per tile, in any tile matrix set of `tiles.grids`.

The statement filters on the stored coordinates (so that the GiST index is used), leaves out features that a screen
cannot show, and only then transforms and clips the rest. A layer of areas comes with a second MVT layer, `labels`:
one point for each area that is wide enough to be named, so that a name is written once and not once per tile.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from layers.actor import Actor
from layers.catalog import Layer
from layers.clause import EMPTY, GEOMETRY, Clause, all_of, bind, columns_in, compose, quote_identifier, quote_literal
from layers.definition import LayerDefinition
from layers.read.relation import relation
from layers.read.rights import VisibleField, scoped, visible_fields
from tiles.address import BUFFER, EXTENT, TileAddress
from tiles.cells import cell_rows, cells_clause, is_gathered_at
from tiles.geometry import fit_to_tile
from tiles.sheet import MapSheet

SEEN_PIXELS = (1, math.inf)  # narrower areas are invisible
LABEL_PIXELS = (48, 1200)  # narrower areas, and areas that fill the screen, are not named
DEEPEST_ZOOM = 15  # the last zoom clients request; beyond it they enlarge its tiles (0.3 m per unit)
CONTENT_TYPE = "application/vnd.mapbox-vector-tile"
LABELS = "labels"  # the MVT layer of the names of areas
_AREAS = ("Polygon", "MultiPolygon")
_SIZE_DEG = (
    "greatest(ST_XMax(f.geom) - ST_XMin(f.geom), ST_YMax(f.geom) - ST_YMin(f.geom))"  # read from the row's header
)


def deepest_zoom(definition: LayerDefinition) -> int:
    """Return the last zoom clients should request; beyond it they enlarge its tiles."""
    return max(DEEPEST_ZOOM, definition.map.min_zoom)


def tile_fields(layer: Layer, actor: Actor, zoom: int = 22) -> list[VisibleField]:
    """Return the fields of a tile of the layer at a zoom: those the map draws with, as this actor may see them."""
    hints = layer.definition.map
    drawn = {name for name in (*hints.tile_fields, hints.label) if name and hints.fields_from.get(name, 0) <= zoom}
    return [field for field in visible_fields(layer, actor) if field.definition.name in drawn]


def label_of(layer: Layer, fields: Sequence[VisibleField]) -> str | None:
    """Return the field that areas are named by, if it is among the visible fields; else None."""
    label = layer.definition.map.label
    named = layer.definition.geometry_type in _AREAS and label in {field.definition.name for field in fields}
    return label if named else None


def depends_on_live(definition: LayerDefinition) -> bool:
    """Whether a tile of the layer changes without its table: it shows current positions, or a live field."""
    shown = {*definition.map.tile_fields, definition.map.label}
    return definition.motion is not None or any(field.live for field in definition.fields if field.name in shown)


@dataclass(frozen=True, slots=True)
class Drawing:
    """A tile to draw: a layer as an actor sees it, in a tile.

    Attributes
    ----------
    feature_limit
        Most features in the tile. Of areas and lines the largest stay; of points the first by the layer's `priority`,
        and among equals an even and repeatable sample.
    where
        A further condition on the rows; empty means every row in the tile.
    """

    layer: Layer
    actor: Actor
    tile: TileAddress | MapSheet
    feature_limit: int
    where: Clause = EMPTY

    @property
    def fields(self) -> list[VisibleField]:
        """The fields of each feature."""
        return tile_fields(self.layer, self.actor, self.tile.mercator_zoom)

    @property
    def label(self) -> str | None:
        """The field that areas are named by, if the actor sees it."""
        return label_of(self.layer, self.fields)


def tile_clause(drawing: Drawing) -> Clause:
    """Build the statement that draws a tile.

    Returns
    -------
    Clause
        A statement of one row: `tile`, the bytes of an MVT whose layer has our layer's name (empty or null without
        features), and `features`, their number. Each feature carries `id` as a string, for `promoteId`.
    """
    if is_gathered_at(drawing.layer, drawing.tile):
        return cells_clause(drawing.layer, drawing.actor, drawing.tile, drawing.where)
    shapes = _shapes(drawing)
    if drawing.label is None:
        return shapes
    return compose(
        "SELECT s.tile || l.tile AS tile, s.features FROM ({}) AS s, ({}) AS l", shapes, _labels(drawing, drawing.label)
    )


@dataclass(frozen=True, slots=True)
class TileRows:
    """The rows of one MVT layer of a tile, before they are encoded.

    Attributes
    ----------
    name
        The name of the MVT layer.
    columns
        The columns of each feature.
    statement
        A statement of rows with these columns and `geom` in units of the tile, null where nothing is left of it.
    """

    name: str
    columns: tuple[str, ...]
    statement: Clause


def tile_rows(drawing: Drawing) -> list[TileRows]:
    """Return the content of `tile_clause` as rows, for other renderers."""
    layer = drawing.layer
    if is_gathered_at(layer, drawing.tile):
        return [TileRows(layer.id, ("id", "count"), cell_rows(layer, drawing.actor, drawing.tile, drawing.where))]
    columns = ("id", *(field.definition.name for field in drawing.fields))
    shapes = TileRows(layer.id, columns, _shape_rows(drawing))
    return [shapes, *([TileRows(LABELS, columns, _label_rows(drawing, drawing.label))] if drawing.label else [])]


def _select_rows(drawing: Drawing, pixels: tuple[float, float] = SEEN_PIXELS) -> Clause:
    """Build the statement of a tile's rows; areas whose longer side on the screen is out of `pixels` are left out.

    Areas that together cover the ground are all drawn, however small.
    """
    layer, tile = drawing.layer, drawing.tile
    near = compose("{} && {}", GEOMETRY, tile.stored_envelope(BUFFER / EXTENT))
    condition = scoped(layer, drawing.actor, near, drawing.where)
    columns = ", ".join(["f.geom", "f.id", *map(_column, drawing.fields), _rank(layer.definition)])
    wide = [compose("c._rank BETWEEN {} AND {}", *(bind(side * tile.pixel_deg, "float8") for side in pixels))]
    if layer.definition.geometry_type not in _AREAS or (layer.definition.map.covers and pixels == SEEN_PIXELS):
        wide = []
    return compose(
        f"SELECT * FROM (SELECT {columns} FROM {{}} WHERE {{}} OFFSET 0) AS c"
        f" WHERE {{}} ORDER BY {_order(layer.definition)} LIMIT {{}}",
        relation(layer, drawing.actor, condition, columns_in(columns, condition.text)),
        condition,
        all_of(wide),
        bind(drawing.feature_limit, "int"),
    )


def _shapes(drawing: Drawing) -> Clause:
    return _mvt(drawing.layer.id, _shape_rows(drawing))


def _shape_rows(drawing: Drawing) -> Clause:
    definition, names = drawing.layer.definition, _names(drawing.fields)
    below = definition.map.merge_below
    merges = below is not None and drawing.tile.mercator_zoom < below
    rows = _merge_lines(_select_rows(drawing), drawing.fields) if merges else _select_rows(drawing)
    return fit_to_tile(drawing.tile, rows, names, areas=definition.geometry_type in _AREAS)


def _merge_lines(rows: Clause, fields: Sequence[VisibleField]) -> Clause:
    """Merge lines with equal fields into one; its id is that of one of them."""
    same = [f"c.{quote_identifier(field.definition.name)}" for field in fields]
    columns = ", ".join(["ST_LineMerge(ST_Collect(c.geom)) AS geom", "min(c.id) AS id", *same])
    grouped = f"GROUP BY {', '.join(same)} " if same else ""
    return compose(f"SELECT {columns} FROM ({{}}) AS c {grouped}ORDER BY max(c._rank) DESC, min(c.id)", rows)


def _labels(drawing: Drawing, label: str) -> Clause:
    return _mvt(LABELS, _label_rows(drawing, label))


def _label_rows(drawing: Drawing, label: str) -> Clause:
    """Build the statement of labels: one point inside each area, in the one tile that holds it (no buffer)."""
    point = drawing.tile.drawn("ST_PointOnSurface(c.geom)")
    return compose(
        f"SELECT ST_AsMVTGeom({point}, {{}}, {EXTENT}, 0) AS geom, {_names(drawing.fields)}"
        f" FROM ({{}}) AS c WHERE c.{quote_identifier(label)} IS NOT NULL OFFSET 0",
        drawing.tile.square(),
        _select_rows(drawing, LABEL_PIXELS),
    )


def _mvt(name: str, rows: Clause) -> Clause:
    """Encode rows as MVT; rows whose `geom` is null are left out.

    PostgreSQL must not merge the rows' statement with this one, or it would compute them twice.
    """
    tile = f"SELECT ST_AsMVT(t.*, {quote_literal(name)}, {EXTENT}, 'geom') AS tile, count(t.geom) AS features"
    return compose(f"{tile} FROM ({{}}) AS t", rows)


def _names(fields: Sequence[VisibleField]) -> str:
    return ", ".join(["c.id", *(f"c.{quote_identifier(field.definition.name)}" for field in fields)])


def _column(field: VisibleField) -> str:
    """Write a field as text, number or boolean; MVT would unfold JSON into properties."""
    name = quote_identifier(field.definition.name)
    if field.definition.type == "string_array":
        return f"array_to_string({field.expression}, ',') AS {name}"
    if field.definition.type in ("date", "datetime", "json"):
        return f"({field.expression})::text AS {name}"
    return f"{field.expression} AS {name}"


def _rank(definition: LayerDefinition) -> str:
    """Write the columns that features are ordered by when a tile has too many; no field begins with an underscore."""
    if definition.geometry_type != "Point":
        return f"{_SIZE_DEG} AS _rank"
    first = f"f.{quote_identifier(definition.map.priority)} AS _priority, " if definition.map.priority else ""
    return f"{first}hashtext(f.id) AS _rank"


def _order(definition: LayerDefinition) -> str:
    if definition.geometry_type != "Point":
        return "c._rank DESC, c.id"
    return "c._priority, c._rank, c.id" if definition.map.priority else "c._rank, c.id"
