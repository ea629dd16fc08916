"""Tiles of points too many to draw each: one point per cell, with the number of points and their kinds.

Counts come from `onemap.cell`, which the database maintains. With a filter, for a past moment, or for a user limited
to single grids, the rows themselves are counted. Both ways give the same features.
"""

from __future__ import annotations

import math

from layers.actor import Actor
from layers.catalog import Layer
from layers.clause import EMPTY, GEOMETRY, Clause, bind, columns_in, compose, quote_identifier, quote_literal
from layers.read.relation import relation
from layers.read.rights import judges_rows, scope_over, scoped, shows_alike, visible_fields
from layers.schema.cell_counts import CELL_LEVEL
from tiles.address import EXTENT, TileAddress
from tiles.sheet import MapSheet

CELLS_PER_TILE_LEVEL = 4  # 16 cells along a tile's edge: 32 pixels each, room for a number
_COUNTED_BY = frozenset({"data_grade", "area_code"})  # the columns of the counted cells that rights need
CELL_SHARE = 0.1  # of a tile's side: the most that a cell reaches over the edge of a tile in degrees


def is_gathered_at(layer: Layer, tile: TileAddress | MapSheet) -> bool:
    """Whether the layer's points are shown as counted cells in a tile."""
    below = layer.definition.map.gather_below
    return below is not None and tile.mercator_zoom < below


def cells_clause(layer: Layer, actor: Actor, tile: TileAddress | MapSheet, where: Clause = EMPTY) -> Clause:
    """Build the statement of a tile of cells; its one row holds the tile, empty without features, and their number."""
    return compose(
        f"""SELECT ST_AsMVT(t.*, {quote_literal(layer.id)}, {EXTENT}, 'geom') AS tile, count(*) AS features
        FROM ({{}}) AS t""",
        cell_rows(layer, actor, tile, where),
    )


def cell_rows(layer: Layer, actor: Actor, tile: TileAddress | MapSheet, where: Clause = EMPTY) -> Clause:
    """Build the statement of the cells of a tile.

    Each feature lies at the centre of its cell's points and carries `id`, `count`, and, if the actor may see the field
    the layer is counted by, `count_{code}` for each of its codes. A cell lies in one tile only.
    """
    direct = bool(where.text) or layer.moment is not None or not _are_counted(layer, actor)
    level = min(CELL_LEVEL, tile.mercator_zoom + CELLS_PER_TILE_LEVEL)
    counted = compose(
        f"""SELECT x >> {CELL_LEVEL - level} AS x, y >> {CELL_LEVEL - level} AS y, kind, sum(features) AS features,
            sum(lon_sum) AS lon_sum, sum(lat_sum) AS lat_sum
        FROM ({{}}) AS c GROUP BY 1, 2, 3""",
        _from_rows(layer, actor, tile, where) if direct else _from_cells(layer, actor, tile),
    )
    kinds = (
        "jsonb_object_agg('count_' || kind, features::bigint) FILTER (WHERE kind <> '')"
        if _shows_kinds(layer, actor)
        else "NULL::jsonb"
    )
    point = "ST_SetSRID(ST_MakePoint(sum(lon_sum) / sum(features), sum(lat_sum) / sum(features)), 4490)"
    gathered = compose(
        f"""SELECT 'c/{level}/' || x || '/' || y AS id, sum(features)::bigint AS count,
            {kinds} AS kinds, {point} AS place
        FROM ({{}}) AS k GROUP BY x, y""",
        counted,
    )
    west, south, east, north = (bind(side, "float8") for side in tile.box())
    return compose(
        f"""SELECT g.id, g.count, g.kinds, ST_AsMVTGeom({tile.projected("g.place")}, {{}}, {EXTENT}, 0, false) AS geom
        FROM ({{}}) AS g
        WHERE ST_X(g.place) >= {{}} AND ST_X(g.place) < {{}} AND ST_Y(g.place) > {{}} AND ST_Y(g.place) <= {{}}
        ORDER BY g.id""",
        tile.envelope(),
        gathered,
        west,
        east,
        south,
        north,
    )


def _are_counted(layer: Layer, actor: Actor) -> bool:
    """Whether the counted cells tell what the actor sees: which rows, and their kinds in all of them or in none."""
    kind = layer.definition.map.count_by
    alike = kind is None or not _shows_kinds(layer, actor) or shows_alike(layer, actor, kind)
    return alike and judges_rows(layer, actor, _COUNTED_BY)


def _shows_kinds(layer: Layer, actor: Actor) -> bool:
    kind = layer.definition.map.count_by
    return kind is not None and any(f.definition.name == kind and not f.masked for f in visible_fields(layer, actor))


def _from_cells(layer: Layer, actor: Actor, tile: TileAddress | MapSheet) -> Clause:
    first_x, last_x, first_y, last_y = (bind(number, "int") for number in _range(tile))
    return compose(
        f"""SELECT f.* FROM onemap.cell AS f WHERE f.layer = {quote_literal(layer.id)}
        AND f.x BETWEEN {{}} AND {{}} AND f.y BETWEEN {{}} AND {{}} AND ({{}})""",
        first_x,
        last_x,
        first_y,
        last_y,
        scope_over(layer, actor, _COUNTED_BY) or Clause("TRUE"),
    )


def _from_rows(layer: Layer, actor: Actor, tile: TileAddress | MapSheet, where: Clause) -> Clause:
    kind = layer.definition.map.count_by
    kind_of = f"coalesce(f.{quote_identifier(kind)}, '')" if kind else "''"
    first_x, last_x, first_y, last_y = (bind(number, "int") for number in _range(tile))
    near = compose("{} && {}", GEOMETRY, tile.stored_envelope(CELL_SHARE))
    condition = scoped(layer, actor, near, where)
    rows = compose(
        f"""SELECT onemap.cell_x(ST_X(f.geom)) AS x, onemap.cell_y(ST_Y(f.geom)) AS y, {kind_of} AS kind, 1 AS features,
            ST_X(f.geom) AS lon_sum, ST_Y(f.geom) AS lat_sum FROM {{}} WHERE {{}}""",
        relation(layer, actor, condition, columns_in(kind_of, condition.text)),
        condition,
    )
    return compose(
        "SELECT * FROM ({}) AS r WHERE r.x BETWEEN {} AND {} AND r.y BETWEEN {} AND {}",
        rows,
        first_x,
        last_x,
        first_y,
        last_y,
    )


def _range(tile: TileAddress | MapSheet) -> tuple[int, int, int, int]:
    """Return the first and last column, then the first and last row, of the tile level's cells that meet the tile."""
    west, south, east, north = tile.box()
    size = 1 << max(0, CELL_LEVEL - tile.mercator_zoom - CELLS_PER_TILE_LEVEL)
    last = (1 << CELL_LEVEL) - 1
    inward = 1e-9  # an edge that two tiles share belongs to the cell inside
    northwest, southeast = cell_of(west + inward, north - inward), cell_of(east - inward, south + inward)
    columns, rows = zip(northwest, southeast, strict=True)
    first_x, first_y = columns[0] // size * size, rows[0] // size * size
    return (
        first_x,
        min(last, columns[1] // size * size + size - 1),
        first_y,
        min(last, rows[1] // size * size + size - 1),
    )


def cell_of(lon: float, lat: float, level: int = CELL_LEVEL) -> tuple[int, int]:
    """Return column and row of the Web Mercator tile that holds a place; places beyond its edge are moved onto it."""
    latitude = math.radians(max(-85.0511, min(85.0511, lat)))
    shares = (lon + 180) / 360, (1 - math.asinh(math.tan(latitude)) / math.pi) / 2
    x, y = (max(0, min((1 << level) - 1, math.floor(share * (1 << level)))) for share in shares)
    return x, y
