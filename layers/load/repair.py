"""The repair of geometries for a layer: valid, of its type, flat, with rings of the right orientation; all counted."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import shapely
from shapely import GeometryType as Kind

from layers.definition import GeometryType
from layers.loaders.batch import Batch
from layers.types import Geometries, Mask

VERTICES_MAX = 200_000
_ATTEMPTS_MAX = 3  # polygons that make_valid leaves sharing an edge are merged by the next attempt
_DIMENSION: dict[GeometryType, int] = {
    "Point": 0,
    "LineString": 1,
    "MultiLineString": 1,
    "Polygon": 2,
    "MultiPolygon": 2,
}
_SINGLE = {0: Kind.POINT, 1: Kind.LINESTRING, 2: Kind.POLYGON}
_MULTI = {0: Kind.MULTIPOINT, 1: Kind.MULTILINESTRING, 2: Kind.MULTIPOLYGON}


def repair_geometries(batch: Batch, layer_type: GeometryType) -> None:
    """Repair the batch's geometries, and reject those that cannot be repaired.

    Parameters
    ----------
    batch
        Its geometries are in stored coordinates.
    layer_type
        The layer's type. ``Geometry`` takes every valid geometry; ``None`` does nothing.

    Notes
    -----
    A geometry keeps its dimension: parts of a smaller one that `make_valid` adds (a spike of a polygon) are dropped,
    and a feature with no part left is rejected. Rings have the orientation of RFC 7946, exteriors counter-clockwise.
    """
    if batch.geometry is None or layer_type == "None":
        return
    _reject_absent(batch)
    _flatten(batch)
    _make_valid(batch)
    if layer_type != "Geometry":
        _keep_dimension(batch, _DIMENSION[layer_type])
        _to_type(batch, layer_type)
    _orient(batch)


def _reject_absent(batch: Batch) -> None:
    geometry = batch.geometry
    batch.reject(shapely.is_missing(geometry), "no_geometry", "the row has no geometry or no coordinates")
    batch.reject(shapely.is_empty(geometry), "no_geometry", "the geometry is empty")
    many = shapely.get_num_coordinates(geometry) > VERTICES_MAX
    batch.reject(many, "too_many_vertices", f"the geometry has more than {VERTICES_MAX} vertices; simplify or split it")


def _flatten(batch: Batch) -> None:
    """Remove heights and measures: layers are flat, heights are fields."""
    raised = batch.ok & (shapely.has_z(batch.geometry) | shapely.has_m(batch.geometry))
    _apply(batch, raised, shapely.force_2d, "z_dropped")


def _make_valid(batch: Batch) -> None:
    kinds = shapely.get_type_id(batch.geometry)
    invalid = batch.ok & (kinds != Kind.POINT) & (kinds != Kind.MULTIPOINT)
    for attempt in range(_ATTEMPTS_MAX):
        invalid[invalid] = ~shapely.is_valid(batch.geometry[invalid])  # type: ignore[index]  # repair_geometries has checked it
        _apply(batch, invalid, _valid, "made_valid" if attempt == 0 else None)
    invalid[invalid] = ~shapely.is_valid(batch.geometry[invalid])  # type: ignore[index]
    batch.reject(invalid, "not_repairable", "the geometry is invalid and stays so when it is repaired")
    gone = batch.ok & shapely.is_empty(batch.geometry)
    batch.reject(gone, "collapsed", "the geometry is invalid and nothing is left of it when it is repaired")


def _valid(geometry: Geometries) -> Geometries:
    """Repair invalid geometries; a hole outside its shell, which GEOS would turn into land, is dropped."""
    made: Geometries = shapely.make_valid(geometry, method="structure", keep_collapsed=False)
    for row, original in enumerate(geometry):
        parts = [part for part in _leaves(original) if isinstance(part, shapely.Polygon)]
        if any(part.interiors for part in parts):
            shells = shapely.make_valid([shapely.Polygon(part.exterior) for part in parts], method="structure")
            made[row] = shapely.intersection(made[row], shapely.union_all(shells))
    return made


def _keep_dimension(batch: Batch, dimension: int) -> None:
    kinds = shapely.get_type_id(batch.geometry)
    mixed = batch.ok & (kinds == Kind.GEOMETRYCOLLECTION)
    if mixed.any():
        _apply(batch, mixed, lambda gs: np.array([_parts_of(g, dimension) for g in gs], dtype=object), "dimension_kept")
    other = batch.ok & (shapely.get_dimensions(batch.geometry) != dimension)
    names = {0: "points", 1: "lines", 2: "polygons"}
    geometry = batch.geometry
    batch.reject(
        other,
        "wrong_type",
        lambda row: f"the layer holds {names[dimension]}; given a {geometry[row].geom_type}",  # type: ignore[index]
    )


def _parts_of(collection: shapely.Geometry, dimension: int) -> shapely.Geometry:
    """Return the parts of a collection of one dimension; the collection itself when it has none."""
    parts = [p for p in _leaves(collection) if shapely.get_dimensions(p) == dimension and not p.is_empty]
    if not parts:
        return collection
    makers = {0: shapely.multipoints, 1: shapely.multilinestrings, 2: shapely.union_all}
    return makers[dimension](parts)


def _leaves(geometry: shapely.Geometry) -> list[shapely.Geometry]:
    if not hasattr(geometry, "geoms"):
        return [geometry]
    return [leaf for part in geometry.geoms for leaf in _leaves(part)]


def _to_type(batch: Batch, layer_type: GeometryType) -> None:
    """Promote to the multi type, or extract the only part; several parts fit no single type."""
    dimension = _DIMENSION[layer_type]
    kinds = shapely.get_type_id(batch.geometry)
    if layer_type.startswith("Multi"):
        single = batch.ok & (kinds == _SINGLE[dimension])
        _apply(batch, single, _PROMOTE[dimension], "promoted")
        return
    multi = batch.ok & (kinds == _MULTI[dimension])
    if dimension == 1 and multi.any():  # parts that touch end to end are one line
        _apply(batch, multi & (shapely.get_num_geometries(batch.geometry) > 1), shapely.line_merge, None)
        multi &= shapely.get_type_id(batch.geometry) == Kind.MULTILINESTRING
    several = multi & (shapely.get_num_geometries(batch.geometry) > 1)
    batch.reject(several, "several_parts", f"the layer holds single {layer_type}s; split the feature into its parts")
    _apply(batch, multi & ~several, lambda g: shapely.get_geometry(g, 0), "unwrapped")


def _orient(batch: Batch) -> None:
    kinds = shapely.get_type_id(batch.geometry)
    polygons = batch.ok & ((kinds == Kind.POLYGON) | (kinds == Kind.MULTIPOLYGON))
    if not polygons.any():
        return
    before = batch.geometry[polygons]  # type: ignore[index]  # repair_geometries has checked it
    after = shapely.orient_polygons(before)
    turned = np.zeros(len(batch), dtype=np.bool_)
    turned[polygons] = ~shapely.equals_identical(before, after)
    _apply(batch, turned, shapely.orient_polygons, "ring_order")


def _apply(batch: Batch, rows: Mask, change: Callable[[Geometries], Geometries], kind: str | None) -> None:
    if not rows.any():
        return
    changed = batch.geometry.copy()  # type: ignore[union-attr]  # repair_geometries has checked it
    changed[rows] = change(changed[rows])
    batch.geometry = changed
    if kind:
        batch.repaired(kind, int(rows.sum()))


def _promote_with(make: Callable[..., Geometries]) -> Callable[[Geometries], Geometries]:
    return lambda single: make(single, indices=np.arange(len(single)))


_PROMOTE = {
    0: _promote_with(shapely.multipoints),
    1: _promote_with(shapely.multilinestrings),
    2: _promote_with(shapely.multipolygons),
}
