"""From the rows of a source to rows of the layer's table: coordinate checks, repair, types, ids."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import shapely

from layers.conversion.convert import convert, texts
from layers.coordinates.crs import STORED_SRID
from layers.definition import CodeList, FieldDefinition, LayerDefinition
from layers.load.content_id import content_ids
from layers.load.coordinate_checks import CoordinateChecks
from layers.load.exactness import altered
from layers.load.mapping import FieldMap
from layers.load.places import GridIndex, placed_fields
from layers.load.repair import repair_geometries
from layers.loaders.batch import Batch
from layers.spreadsheet import GUARDED
from layers.tiers import AREA_DIGITS
from layers.types import Geometries

_ID_CHARACTERS_MAX = 200


@dataclass(slots=True)
class LoadPlan:
    """The conversion of a source's rows into rows of a layer.

    Attributes
    ----------
    definition
        The layer.
    inferred
        Whether the definition was inferred from the rows of this source read so far.
    exact
        Whether a value that its field would alter (`1.10` in a field of numbers) is refused: the layer has no written
        definition, so its types are a guess from another file.
    places
        The grids, where the layer's points are located in memory; a point they cannot locate has null in the field
        that `placed` names, and the database locates it.
    """

    definition: LayerDefinition
    map: FieldMap
    gate: CoordinateChecks
    code_lists: Mapping[str, CodeList]
    located: bool
    inferred: bool = False
    exact: bool = False
    guarded: bool = False  # the file is an export of the quarantine, whose texts are guarded against spreadsheets
    places: GridIndex | None = None

    @property
    def fields(self) -> list[FieldDefinition]:
        """The staged fields, in the definition's order: those with a column, and those of the location."""
        return [f for f in self.definition.fields if f.name in self.map.columns or f.name in self.placed.values()]

    @property
    def placed(self) -> dict[str, str]:
        """The fields that `places` fills, by their derivation; empty without places."""
        return (placed_fields(self.definition) or {}) if self.places else {}


class Misfit(Exception):  # no error: later rows of the source differ from its first
    """A value does not fit the type that was inferred for its field from the first rows."""


def prepare(batch: Batch, plan: LoadPlan) -> pa.RecordBatch:
    """Return a batch's good rows in the columns of the staging table: line, id, geometry, fields; reject the others.

    Raises
    ------
    BadInput
        When a declared column is missing.
    Misfit
        When the layer is inferred from the source, and a value does not fit its field unaltered.
    """
    if plan.located:
        plan.gate.check(batch)
        repair_geometries(batch, plan.definition.geometry_type)
    columns: dict[str, pa.Array] = {}
    located = _grid_fields(batch, plan)
    for field in plan.fields:
        converted = _convert(batch, field, plan) if field.name in plan.map.columns else None
        found = located.get(field.name)
        columns[field.name] = (
            pc.coalesce(found, converted)
            if found is not None and converted is not None
            else (converted if found is None else found)
        )
    ids = _ids(batch, plan)
    good = pa.array(batch.ok)
    made: dict[str, pa.Array] = {"line": pa.array(batch.lines).filter(good)}
    own = {name: column.filter(good) for name, column in columns.items()}
    geometry = {"geom": _ewkb(batch)} if plan.located else {}
    made["id"] = (
        ids.filter(good) if ids is not None else content_ids(plan.definition.id, [*own.values(), *geometry.values()])
    )
    return pa.RecordBatch.from_pydict(made | geometry | own)


def _convert(batch: Batch, field: FieldDefinition, plan: LoadPlan) -> pa.Array:
    column = batch.columns.column(plan.map.columns[field.name])
    column = _unguard(column, plan)
    codes = plan.code_lists.get(field.codes) if field.codes else None
    made = convert(column, field, codes)
    if (plan.inferred or plan.exact) and not field.common:
        changed = altered(column, field.type, made)
        if plan.inferred and (made.bad | changed).any():
            raise Misfit
        batch.reject(
            changed,
            "altered_value",
            lambda row: (
                f"{field.name} is of type {field.type} and would alter '{_excerpt(column, row)}'; "
                f"load into a new layer, or define the field as text"
            ),
        )
    for kind, count in made.repairs.items():
        batch.repaired(kind, count)
    if made.bad.any():
        batch.reject(
            made.bad, made.reason, lambda row: f"{field.name} must be {made.expected}; given '{_excerpt(column, row)}'"
        )
    if field.required and field.derived is None and field.name != "data_grade" and made.values.null_count:
        missing = made.values.is_null().to_numpy(zero_copy_only=False)
        batch.reject(missing, "missing_value", f"{field.name} ({field.title_zh}) must be given")
    return made.values


def _unguard(column: pa.Array, plan: LoadPlan) -> pa.Array:
    """Remove the apostrophes that the quarantine's export puts before formulas of a spreadsheet."""
    if not plan.guarded or not pa.types.is_string(column.type):
        return column
    return pc.replace_substring_regex(column, GUARDED, r"\1")


def _grid_fields(batch: Batch, plan: LoadPlan) -> dict[str, pa.Array]:
    if plan.places is None or batch.geometry is None:
        return {}
    points: Geometries = batch.geometry.copy()
    points[~batch.ok | (shapely.get_type_id(points) != shapely.GeometryType.POINT)] = None
    grids = plan.places.locate(points)
    found = {"grid_of_point": grids, "area_of_point": pc.utf8_slice_codeunits(grids, 0, AREA_DIGITS)}
    return {name: found[derivation] for derivation, name in plan.placed.items()}


def _ids(batch: Batch, plan: LoadPlan) -> pa.Array | None:
    if plan.map.id_column is None:
        return None
    column = _unguard(batch.columns.column(plan.map.id_column), plan)
    ids = pc.replace_substring(texts(column), "\0", "")
    empty = pc.or_(ids.is_null(), pc.fill_null(pc.equal(ids, ""), fill_value=True)).to_numpy(zero_copy_only=False)
    batch.reject(empty, "no_id", f"'{plan.map.id_column}' names the feature and must be given")
    long = pc.fill_null(pc.greater(pc.utf8_length(ids), _ID_CHARACTERS_MAX), fill_value=False)
    batch.reject(long.to_numpy(zero_copy_only=False), "too_long", f"an id has at most {_ID_CHARACTERS_MAX} characters")
    return ids


def _ewkb(batch: Batch) -> pa.Array:
    geometry = batch.geometry if batch.geometry is not None else np.full(len(batch), None, dtype=object)
    kept = shapely.set_srid(geometry[batch.ok], STORED_SRID)
    return pa.array(shapely.to_wkb(kept, hex=True, include_srid=True), pa.string())


def _excerpt(column: pa.Array, row: int) -> str:
    return str(column[row].as_py())[:60]
