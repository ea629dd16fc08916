"""The load of a file into a layer: read, check, stage, and then move all of it in one transaction."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from time import perf_counter
from typing import get_args

import asyncpg
import pyarrow as pa
import shapely
import structlog

from layers.catalog import read_catalog
from layers.coordinates.crs import shift_note
from layers.coordinates.source_crs import parse_source_crs
from layers.database.connection import Role, connect
from layers.definition import GRADE, IDENTIFIER, LayerDefinition, read_code_lists
from layers.errors import BadFile, BadInput
from layers.load.coordinate_checks import CoordinateChecks, parse_fixes
from layers.load.infer import Inference, infer_definition
from layers.load.mapping import (
    QUARANTINE_COLUMNS,
    FieldMap,
    check_declared,
    find_id_column,
    match_columns,
    missing_fields,
)
from layers.load.move import Mode, move
from layers.load.outcome import LoadOptions, LoadProgress, LoadSummary
from layers.load.places import placed_fields, read_places
from layers.load.prepare import LoadPlan, Misfit, prepare
from layers.load.staging import Staging
from layers.loaders.batch import Batch, Source
from layers.loaders.columns import DECLARABLE
from layers.loaders.opening import open_source
from layers.schema.code_lists import read_stored_code_lists
from layers.schema.tables import table_of
from layers.schema.topology import topology_notes
from layers.tiers import DISTRICT, TIER_OF_LAYER
from layers.types import BBox

_log = structlog.get_logger(__name__)
MODES: tuple[str, ...] = get_args(Mode.__value__)
DEFAULT_GRADE = 3  # data without a grade is not for the public
_NO_OPTIONS = LoadOptions()


async def load_file(
    url: str,
    path: Path,
    layer: str,
    options: LoadOptions = _NO_OPTIONS,
    *,
    mode: str = "append",
    dry_run: bool = False,
    progress: Callable[[LoadProgress], None] | None = None,
) -> LoadSummary:
    """Load a file into a layer; a layer without a definition is made from the file.

    Parameters
    ----------
    url, path, layer
        The database, a local file of any format in `layers.loaders`, and the id of the layer.
    options
        The user's declarations of the source.
    mode
        ``append`` refuses ids the layer has, ``upsert`` replaces them, ``replace`` empties the layer first.
    dry_run
        Whether the load is rolled back at its end: the summary is that of a load, and nothing has changed.
    progress
        Called after every batch, in the thread of the event loop.

    Returns
    -------
    LoadSummary
        The rows read, loaded, repaired and rejected, with reasons. Rejected rows are in the quarantine.

    Raises
    ------
    BadFile
        When the file cannot be loaded at all. Nothing has changed then.
    BadInput
        When a parameter is wrong; the message names what is allowed.
    Unavailable
        When the database does not answer.
    """
    _check(layer, mode, options)
    started = perf_counter()
    source = await asyncio.to_thread(_open, path, options)
    connection = await connect(url, Role.OWNER)
    try:
        load = _Load(connection, source, layer, mode, options, progress or _silent)
        summary = await (load.rehearse() if dry_run else load.run())
    finally:
        await connection.close(timeout=10)
    summary.elapsed_s = perf_counter() - started
    _log.info("loaded", layer=layer, source=source.name, read=summary.read, loaded=summary.loaded)
    return summary


def _check(layer: str, mode: str, options: LoadOptions) -> None:
    parse_fixes(options.fixes)
    if not re.fullmatch(IDENTIFIER, layer):
        raise BadInput(
            f"layer is '{layer[:80]}'; a name has a-z, 0-9 and _, and begins with a letter", parameter="layer"
        )
    if mode not in MODES:
        raise BadInput(f"mode is '{mode}'; allowed are {', '.join(MODES)}", parameter="mode")
    if options.grade is not None and not 1 <= options.grade <= 4:
        raise BadInput(f"grade is {options.grade}; allowed are 1 to 4", parameter="grade")


def _open(path: Path, options: LoadOptions) -> Source:
    declared = {k: v for k, v in options.mapping.items() if k in DECLARABLE}
    return open_source(
        path,
        declared=declared,
        encoding=options.encoding,
        layer=options.source_layer,
        located=not options.no_geometry,
    )


def _silent(_: LoadProgress) -> None:
    """Report to nobody."""


class _Load:
    """One load and its state while it runs."""

    def __init__(
        self,
        connection: asyncpg.Connection,
        source: Source,
        layer: str,
        mode: str,
        options: LoadOptions,
        progress: Callable[[LoadProgress], None],
    ) -> None:
        self._connection = connection
        self._source = source
        self._options = options
        self._progress = progress
        self._resolved: list[int] = []
        self.summary = LoadSummary(layer, source.name, source.format, mode, notes=source.notes)

    async def run(self) -> LoadSummary:
        batches = self._source.batches()
        first = await asyncio.to_thread(next, batches, None)
        if first is None:
            raise BadFile(f"'{self._source.name}' has no rows", parameter=self._source.name)
        inference = Inference(self._source)
        await asyncio.to_thread(inference.look, first)
        plan = await self._plan(first, inference)
        try:
            staging = await self._stage(chain([first], batches), plan)
        except Misfit:  # later rows are of another type: read all of them, and begin again
            await asyncio.to_thread(_look_at_all, self._source, inference)
            plan = await self._plan(first, inference)
            staging = await self._stage(self._source.batches(), plan)
        self._progress(LoadProgress(self.summary.read, 1.0, "moving"))
        await move(self._connection, plan, staging, self._source, self.summary, self._options, self._resolved)
        if self.summary.layer in TIER_OF_LAYER:
            self.summary.notes += tuple(await topology_notes(self._connection, self.summary.layer))
        return self.summary

    async def rehearse(self) -> LoadSummary:
        """Run the load in a transaction that is rolled back."""
        transaction = self._connection.transaction()
        await transaction.start()
        try:
            return await self.run()
        finally:
            await transaction.rollback()

    async def _plan(self, first: Batch, inference: Inference) -> LoadPlan:
        source, options = self._source, self._options
        known = (await read_catalog(self._connection)).get(self.summary.layer)
        columns = [c for c in source.columns.names if c not in QUARANTINE_COLUMNS]
        check_declared({k: v for k, v in options.mapping.items() if k not in DECLARABLE}, columns)
        id_column = find_id_column(first, columns, options.mapping, known.definition if known else None)
        if known is not None:
            definition = known.definition
            matched = match_columns(definition, columns, options.mapping, id_column)
            self._check_required(definition, matched)
        else:
            definition, fields = infer_definition(
                self.summary.layer,
                source,
                inference,
                grade=options.grade or DEFAULT_GRADE,
                id_column=id_column,
                declared={f: c for f, c in options.mapping.items() if f not in DECLARABLE},
            )
            matched = FieldMap(fields, id_column)
        self.summary.id_column = id_column
        self.summary.new_layer = known is None
        self.summary.ungraded = known is None and options.grade is None and GRADE not in matched.columns
        self.summary.ignored = matched.ignored
        self._check_geometry(definition)
        located = source.has_geometry and definition.geometry_type != "None"
        unread = source.crs_unread if located else None
        gate = CoordinateChecks(
            parse_source_crs(options.crs, source.crs, unread), options.fixes, await self._district()
        )
        note = shift_note(gate.crs.srid, shapely.get_coordinates(first.geometry)) if located else None
        self.summary.notes = (*source.notes, note) if note else source.notes
        return LoadPlan(
            definition,
            matched,
            gate,
            await read_stored_code_lists(self._connection) or read_code_lists(),
            located=located,
            inferred=known is None,
            exact=known is not None and not await self._is_defined(),
            guarded="_quarantine_id" in source.columns.names,
            places=await read_places(self._connection) if located and placed_fields(definition) else None,
        )

    def _check_required(self, definition: LayerDefinition, matched: FieldMap) -> None:
        """Refuse a file without a column for a required field; an upsert, which changes known features, needs none."""
        missing = missing_fields(definition, matched)
        if missing and self.summary.mode != "upsert":
            names = ", ".join(f"{field.name} ({field.title_zh})" for field in missing)
            raise BadInput(
                f"every feature of {definition.id} must have {names}, and no column of '{self._source.name}' gives "
                f"it; say which does with --map {missing[0].name}=…; columns: "
                f"{', '.join(self._source.columns.names[:40])}",
                parameter="map",
            )

    async def _is_defined(self) -> bool:
        """Whether the layer has a written definition."""
        query = "SELECT declared FROM onemap.layer WHERE id = $1"
        return bool(await self._connection.fetchval(query, self.summary.layer))

    def _check_geometry(self, definition: LayerDefinition) -> None:
        source = self._source
        if definition.geometry_type == "None" and source.has_geometry:
            raise BadFile(
                f"图层 {definition.id} 没有空间位置，而文件有坐标。 "
                f"Layer {definition.id} has no places, and '{source.name}' has coordinates; load it elsewhere, "
                "or with --no-geometry as fields",
                parameter=source.name,
            )
        if self.summary.new_layer and not source.has_geometry and not self._options.no_geometry:
            raise BadFile(
                f"文件没有可识别的坐标。 '{source.name}' has no coordinates that are found: name them with --map lon=… "
                "--map lat=…, wkt=… or lonlat=…; or say --no-geometry for a layer without places; columns: "
                f"{', '.join(source.columns.names[:40])}",
                parameter=source.name,
            )
        if definition.geometry_type != "None" and not self._source.has_geometry and self.summary.mode != "upsert":
            raise BadFile(
                f"'{self._source.name}' has no geometry, and {definition.id} holds {definition.geometry_type}s; "
                f"name its coordinates with --map lon=… --map lat=…, or wkt=…; columns: "
                f"{', '.join(self._source.columns.names[:40])}",
                parameter=self._source.name,
            )

    async def _district(self) -> BBox | None:
        """Return the extent of the district, where features are expected; None when it is unknown or not checked."""
        if self._options.anywhere or self.summary.layer == DISTRICT.layer_id:
            return None
        if await self._connection.fetchval("SELECT to_regclass('layer.districts') IS NULL"):
            return None
        box = await self._connection.fetchrow(
            f"""SELECT ST_XMin(b) AS west, ST_YMin(b) AS south, ST_XMax(b) AS east, ST_YMax(b) AS north
            FROM (SELECT ST_Extent(geom) AS b FROM {table_of(DISTRICT.layer_id)}) AS extent"""
        )
        return None if box["west"] is None else (box["west"], box["south"], box["east"], box["north"])

    async def _stage(self, batches: Iterator[Batch], plan: LoadPlan) -> Staging:
        """Fill the staging tables; the next batch is read and prepared while one is copied."""
        staging = Staging(self._connection, plan.fields, located=plan.located)
        await staging.create()
        self.summary.read, self.summary.repaired, self._resolved = 0, Counter(), []
        pending = asyncio.create_task(asyncio.to_thread(_next, batches, plan))
        try:
            while (made := await pending) is not None:
                batch, rows = made
                pending = asyncio.create_task(asyncio.to_thread(_next, batches, plan))
                await staging.copy(rows)
                await staging.reject(batch.rejections())
                self._count(batch)
        finally:
            if not pending.done():
                await asyncio.wait([pending])  # a thread cannot be cancelled; it ends with its batch
        return staging

    def _count(self, batch: Batch) -> None:
        self.summary.read += len(batch) + len(batch.refused)
        self.summary.repaired.update(batch.repairs)
        if "_quarantine_id" in batch.columns.schema.names:
            ids = batch.columns.column("_quarantine_id").to_pylist()
            self._resolved += [int(i) for i in ids if str(i).isdecimal()]
        self._progress(LoadProgress(self.summary.read, batch.fraction))


def _look_at_all(source: Source, inference: Inference) -> None:
    for batch in source.batches():
        inference.look(batch)


def _next(batches: Iterator[Batch], plan: LoadPlan) -> tuple[Batch, pa.RecordBatch] | None:
    batch = next(batches, None)
    return None if batch is None else (batch, prepare(batch, plan))
