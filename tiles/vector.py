"""Vector tiles straight from PostGIS: one statement a tile, in any tile matrix set of `tiles.grids`.

The statement filters on the stored coordinates (so that the GiST index is used), thins what a screen cannot
show, and only then transforms and clips what is left. A layer of areas comes with a second MVT layer, `labels`:
one point for each area that is wide enough to be named, so that a name is written once and not once a tile.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from layers.actor import Actor
from layers.catalog import Layer
from layers.clause import EMPTY, GEOMETRY, Clause, all_of, bind, compose, quote_identifier, quote_literal
from layers.definition import LayerDefinition
from layers.read.relation import relation
from layers.read.rights import VisibleField, scoped, visible_fields
from tiles.address import BUFFER, EXTENT, TileAddress
from tiles.cells import cell_rows, cells_clause, is_gathered_at
from tiles.geometry import fitted
from tiles.sheet import MapSheet

SEEN_PIXELS = (1, math.inf)  # areas that are narrower cannot be seen
LABEL_PIXELS = (48, 1200)  # areas that are narrower, or fill the screen anyhow, are not named
DEEPEST_ZOOM = 15  # the last zoom clients ask for; they enlarge its tiles (0.3 m a unit) beyond that
CONTENT_TYPE = "application/vnd.mapbox-vector-tile"
LABELS = "labels"  # the MVT layer of the names of areas
_AREAS = ("Polygon", "MultiPolygon")
_SIZE_DEG = (
    "greatest(ST_XMax(f.geom) - ST_XMin(f.geom), ST_YMax(f.geom) - ST_YMin(f.geom))"  # read from the row's header
)


def deepest_zoom(definition: LayerDefinition) -> int:
    """Return the last zoom clients should ask for; beyond it they enlarge its tiles."""
    return max(DEEPEST_ZOOM, definition.map.min_zoom)


def tile_fields(layer: Layer, actor: Actor, zoom: int = 22) -> list[VisibleField]:
    """Fields that a tile of the layer carries at a zoom: what the map draws with, as this actor gets them."""
    hints = layer.definition.map
    wanted = {name for name in (*hints.tile_fields, hints.label) if name and hints.fields_from.get(name, 0) <= zoom}
    return [field for field in visible_fields(layer, actor) if field.definition.name in wanted]


def label_of(layer: Layer, fields: Sequence[VisibleField]) -> str | None:
    """Return the field that areas are named by, if it is among those that are seen."""
    label = layer.definition.map.label
    named = layer.definition.geometry_type in _AREAS and label in {field.definition.name for field in fields}
    return label if named else None


def depends_on_live(definition: LayerDefinition) -> bool:
    """Whether a tile of the layer shows what changes without its table: where things are now, or a live field."""
    shown = {*definition.map.tile_fields, definition.map.label}
    return definition.motion is not None or any(field.live for field in definition.fields if field.name in shown)


@dataclass(frozen=True, slots=True)
class Drawing:
    """What is drawn: a layer as an actor sees it, in a tile.

    Attributes
    ----------
    feature_limit
        Most features in the tile. Of areas and lines the largest stay; of points those that come first by the layer's
        `priority`, and among equals an even and repeatable sample.
    where
        What is wanted of a row beside lying in the tile; empty means every row.
    """

    layer: Layer
    actor: Actor
    tile: TileAddress | MapSheet
    feature_limit: int
    where: Clause = EMPTY

    @property
    def fields(self) -> list[VisibleField]:
        """What each feature carries."""
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
        Of one row: `tile`, the bytes of an MVT whose layer is named like ours (empty or null when nothing lies in it),
        and `features`, how many it shows. `id` comes along as a string, for `promoteId`.
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
    """What a tile holds of one kind, before it is put into bytes.

    Attributes
    ----------
    name
        Of the MVT layer.
    columns
        What each feature carries.
    statement
        Of rows with these columns and `geom` in units of the tile, null where nothing is left of it.
    """

    name: str
    columns: tuple[str, ...]
    statement: Clause


def tile_rows(drawing: Drawing) -> list[TileRows]:
    """Return what `tile_clause` puts into a tile as rows, for who draws them otherwise."""
    layer = drawing.layer
    if is_gathered_at(layer, drawing.tile):
        return [TileRows(layer.id, ("id", "count"), cell_rows(layer, drawing.actor, drawing.tile, drawing.where))]
    columns = ("id", *(field.definition.name for field in drawing.fields))
    shapes = TileRows(layer.id, columns, _shape_rows(drawing))
    return [shapes, *([TileRows(LABELS, columns, _label_rows(drawing, drawing.label))] if drawing.label else [])]


def _chosen(drawing: Drawing, pixels: tuple[float, float] = SEEN_PIXELS) -> Clause:
    """Rows of a tile, before they are drawn; areas whose longer side on the screen is out of `pixels` are left out.

    Areas that cover the ground together are all drawn, however small.
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
        relation(layer, drawing.actor, condition),
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
    rows = _merged(_chosen(drawing), drawing.fields) if merges else _chosen(drawing)
    return fitted(drawing.tile, rows, names, areas=definition.geometry_type in _AREAS)


def _merged(rows: Clause, fields: Sequence[VisibleField]) -> Clause:
    """Make one of lines that say the same; its id is that of one of them."""
    same = [f"c.{quote_identifier(field.definition.name)}" for field in fields]
    columns = ", ".join(["ST_LineMerge(ST_Collect(c.geom)) AS geom", "min(c.id) AS id", *same])
    grouped = f"GROUP BY {', '.join(same)} " if same else ""
    return compose(f"SELECT {columns} FROM ({{}}) AS c {grouped}ORDER BY max(c._rank) DESC, min(c.id)", rows)


def _labels(drawing: Drawing, label: str) -> Clause:
    return _mvt(LABELS, _label_rows(drawing, label))


def _label_rows(drawing: Drawing, label: str) -> Clause:
    """Name each area at one point inside it, in the one tile that holds the point (no buffer)."""
    point = drawing.tile.drawn("ST_PointOnSurface(c.geom)")
    return compose(
        f"SELECT ST_AsMVTGeom({point}, {{}}, {EXTENT}, 0) AS geom, {_names(drawing.fields)}"
        f" FROM ({{}}) AS c WHERE c.{quote_identifier(label)} IS NOT NULL OFFSET 0",
        drawing.tile.square(),
        _chosen(drawing, LABEL_PIXELS),
    )


def _mvt(name: str, rows: Clause) -> Clause:
    """Put rows together; one whose `geom` is null is left out. Rows must not be merged with this, or they go twice."""
    tile = f"SELECT ST_AsMVT(t.*, {quote_literal(name)}, {EXTENT}, 'geom') AS tile, count(t.geom) AS features"
    return compose(f"{tile} FROM ({{}}) AS t", rows)


def _names(fields: Sequence[VisibleField]) -> str:
    return ", ".join(["c.id", *(f"c.{quote_identifier(field.definition.name)}" for field in fields)])


def _column(field: VisibleField) -> str:
    """Write a field as MVT can hold it: text, number or boolean; MVT would unfold JSON into properties."""
    name = quote_identifier(field.definition.name)
    if field.definition.type == "string_array":
        return f"array_to_string({field.expression}, ',') AS {name}"
    if field.definition.type in ("date", "datetime", "json"):
        return f"({field.expression})::text AS {name}"
    return f"{field.expression} AS {name}"


def _rank(definition: LayerDefinition) -> str:
    """Columns that features are ordered by when a tile has too many; no field begins with an underscore."""
    if definition.geometry_type != "Point":
        return f"{_SIZE_DEG} AS _rank"
    first = f"f.{quote_identifier(definition.map.priority)} AS _priority, " if definition.map.priority else ""
    return f"{first}hashtext(f.id) AS _rank"


def _order(definition: LayerDefinition) -> str:
    if definition.geometry_type != "Point":
        return "c._rank DESC, c.id"
    return "c._priority, c._rank, c.id" if definition.map.priority else "c._rank, c.id"
