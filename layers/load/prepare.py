"""From rows as they were read to rows as the layer's table has them: gate, repair, types, ids."""

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
    """How a source's rows become a layer's.

    Attributes
    ----------
    definition
        The layer.
    inferred
        Whether it was made from what this very source showed so far.
    exact
        Whether a value that its field would alter (`1.10` in a field of numbers) is refused: nobody defined the layer,
        so that its types are a guess from another file.
    places
        The grids, where the layer's points are to be located on the way; what they cannot tell is null in the field
        that `placed` names, and left to the database.
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
        """The fields that are staged: those the source gives and those that are located, in the definition's order."""
        return [f for f in self.definition.fields if f.name in self.map.columns or f.name in self.placed.values()]

    @property
    def placed(self) -> dict[str, str]:
        """The fields that `places` fills, by what they derive; empty without places."""
        return (placed_fields(self.definition) or {}) if self.places else {}


class Misfit(Exception):  # no error: the rest of the source shows something that its beginning did not
    """A field cannot be what the first rows let it be taken for."""


def prepare(batch: Batch, plan: LoadPlan) -> pa.RecordBatch:
    """Make a batch's good rows what the staging table holds: line, id, geometry, fields. The others are rejected in it.

    Raises
    ------
    BadInput
        When a declared column is missing.
    Misfit
        When the layer is made from the source, and a value does not fit its field as it is.
    """
    if plan.located:
        plan.gate.let_in(batch)
        repair_geometries(batch, plan.definition.geometry_type)
    columns: dict[str, pa.Array] = {}
    located = _located(batch, plan)
    for wanted in plan.fields:
        given = _converted(batch, wanted, plan) if wanted.name in plan.map.columns else None
        found = located.get(wanted.name)
        columns[wanted.name] = (
            pc.coalesce(found, given)
            if found is not None and given is not None
            else (given if found is None else found)
        )
    ids = _given_ids(batch, plan)
    good = pa.array(batch.ok)
    made: dict[str, pa.Array] = {"line": pa.array(batch.lines).filter(good)}
    own = {name: column.filter(good) for name, column in columns.items()}
    geometry = {"geom": _ewkb(batch)} if plan.located else {}
    made["id"] = (
        ids.filter(good) if ids is not None else content_ids(plan.definition.id, [*own.values(), *geometry.values()])
    )
    return pa.RecordBatch.from_pydict(made | geometry | own)


def _converted(batch: Batch, wanted: FieldDefinition, plan: LoadPlan) -> pa.Array:
    column = batch.columns.column(plan.map.columns[wanted.name])
    column = _unguarded(column, plan)
    codes = plan.code_lists.get(wanted.codes) if wanted.codes else None
    made = convert(column, wanted, codes)
    if (plan.inferred or plan.exact) and not wanted.common:
        changed = altered(column, wanted.type, made)
        if plan.inferred and (made.bad | changed).any():
            raise Misfit
        batch.reject(
            changed,
            "altered_value",
            lambda row: (
                f"{wanted.name} is of type {wanted.type} and would alter '{_shown(column, row)}'; "
                f"load into a new layer, or define the field as text"
            ),
        )
    for kind, count in made.repairs.items():
        batch.repaired(kind, count)
    if made.bad.any():
        batch.reject(
            made.bad, made.reason, lambda row: f"{wanted.name} must be {made.expected}; given '{_shown(column, row)}'"
        )
    if wanted.required and wanted.derived is None and wanted.name != "data_grade" and made.values.null_count:
        missing = made.values.is_null().to_numpy(zero_copy_only=False)
        batch.reject(missing, "missing_value", f"{wanted.name} ({wanted.title_zh}) must be given")
    return made.values


def _unguarded(column: pa.Array, plan: LoadPlan) -> pa.Array:
    """Take off the apostrophes that the quarantine's export puts before what a spreadsheet would run."""
    if not plan.guarded or not pa.types.is_string(column.type):
        return column
    return pc.replace_substring_regex(column, GUARDED, r"\1")


def _located(batch: Batch, plan: LoadPlan) -> dict[str, pa.Array]:
    if plan.places is None or batch.geometry is None:
        return {}
    points: Geometries = batch.geometry.copy()
    points[~batch.ok | (shapely.get_type_id(points) != shapely.GeometryType.POINT)] = None
    grids = plan.places.locate(points)
    found = {"grid_of_point": grids, "area_of_point": pc.utf8_slice_codeunits(grids, 0, AREA_DIGITS)}
    return {name: found[derivation] for derivation, name in plan.placed.items()}


def _given_ids(batch: Batch, plan: LoadPlan) -> pa.Array | None:
    if plan.map.id_column is None:
        return None
    column = _unguarded(batch.columns.column(plan.map.id_column), plan)
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


def _shown(column: pa.Array, row: int) -> str:
    return str(column[row].as_py())[:60]
