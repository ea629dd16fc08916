"""The one transaction of a load: from the staging tables into the layer, with all data that depends on it."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from dataclasses import asdict
from typing import Literal

import asyncpg

from layers.clause import quote_identifier, quote_literal
from layers.definition import GRADE, LayerDefinition
from layers.errors import Conflict
from layers.load.infer import geometry_type_of
from layers.load.mapping import missing_fields
from layers.load.outcome import LoadOptions, LoadSummary
from layers.load.places import grids_version
from layers.load.prepare import LoadPlan
from layers.load.rebuild import may_rebuild, rebuild
from layers.load.staging import REJECTED, STAGED, Staging
from layers.loaders.batch import Source
from layers.schema.derive import derive, derive_dependents, lock_with_dependents
from layers.schema.tables import create_layer, note_anew, refresh_statistics, table_of

type Mode = Literal["append", "replace", "upsert"]


async def move(
    connection: asyncpg.Connection,
    plan: LoadPlan,
    staging: Staging,
    source: Source,
    summary: LoadSummary,
    options: LoadOptions,
    resolved: list[int],
) -> None:
    """Move the staged rows into the layer, derive, count and record; all of it or nothing.

    Parameters
    ----------
    plan, staging, source
        The plan, the staged rows and their source, which is read again for the records of repeated rows.
    summary
        Receives the last numbers.
    options
        Kept with the load.
    resolved
        Quarantine entries whose corrected rows are in this source.

    Raises
    ------
    Conflict
        When another load made the layer while this file was read.
    """
    async with connection.transaction():
        await connection.execute("SET LOCAL work_mem = '128MB'")
        await connection.execute("SELECT pg_advisory_xact_lock(hashtext($1))", f"load {summary.layer}")
        await lock_with_dependents(connection, summary.layer)
        await staging.reject_repeated()
        await _refuse_conflicts(connection, plan, staging, summary)
        await _fill_records(staging, source)
        if await connection.fetchval(f"SELECT EXISTS (SELECT FROM {STAGED})"):
            await _fill_layer(connection, plan, staging, summary, options)
        await _record(connection, summary, options, plan.gate.crs.declaration, resolved)


async def _refuse_conflicts(
    connection: asyncpg.Connection, plan: LoadPlan, staging: Staging, summary: LoadSummary
) -> None:
    there = await connection.fetchval("SELECT EXISTS (SELECT FROM onemap.layer WHERE id = $1)", summary.layer)
    if plan.inferred:
        if there:
            raise Conflict(f"the layer {summary.layer} was made by another load meanwhile; load again")
        return
    if summary.mode == "append":
        await staging.reject_present(table_of(summary.layer))
    elif summary.mode == "upsert":
        table, missing = table_of(summary.layer), missing_fields(plan.definition, plan.map)
        if not plan.located and plan.definition.geometry_type != "None":
            await staging.reject_absent(table, "no_geometry", "the file gives no geometry")
        elif missing:
            await staging.reject_absent(table, "missing_value", f"the file gives no {missing[0].name}")


async def _fill_records(staging: Staging, source: Source) -> None:
    """Read the source again for the original records of rows whose repetition was found after staging."""
    if not await staging.lines_without_record():
        return
    batches = source.batches()
    while (batch := await asyncio.to_thread(next, batches, None)) is not None:
        if not len(batch):
            continue
        missing = await staging.missing_records(int(batch.lines[0]), int(batch.lines[-1]))
        rows = [row for row, line in enumerate(batch.lines.tolist()) if line in missing]
        await staging.fill_records((int(batch.lines[row]), batch.record(row)) for row in rows)


async def _fill_layer(
    connection: asyncpg.Connection, plan: LoadPlan, staging: Staging, summary: LoadSummary, options: LoadOptions
) -> None:
    if plan.inferred:
        kind = geometry_type_of(await staging.geometry_kinds()) if plan.located else "None"
        plan.definition = plan.definition.model_copy(update={"geometry_type": kind})
        await create_layer(connection, plan.definition, declared=False)
    definition = plan.definition
    if GRADE in definition.by_name:
        await _settle_grades(connection, plan, summary, options)
    columns, select = _filling(plan, options)
    staged = await connection.fetchval(f"SELECT count(*) FROM {STAGED}")
    attributes_only = not plan.located and definition.geometry_type != "None"
    replaces = summary.mode == "replace"
    if replaces:
        await connection.execute(f"LOCK TABLE {table_of(definition.id)} IN SHARE ROW EXCLUSIVE MODE")
        await note_anew(connection, definition.id)
    rebuilds = not attributes_only and await may_rebuild(connection, definition.id, staged, replaces=replaces)
    if rebuilds:
        summary.loaded = await rebuild(connection, definition, ", ".join(map(quote_identifier, columns)), select)
    else:
        if replaces:
            await connection.execute(f"DELETE FROM {table_of(definition.id)}")
        status = await connection.execute(_writing(plan, options, summary.mode, columns, select))
        summary.loaded = int(status.rsplit(" ", 1)[1])
    await derive(connection, definition.id, only_new=await _rows_to_derive(connection, plan))
    await derive_dependents(connection, definition.id)
    await refresh_statistics(connection, definition)
    if replaces or rebuilds:  # no trigger saw the rows of a table that was filled before it was the layer's
        await note_anew(connection, definition.id)


async def _settle_grades(
    connection: asyncpg.Connection, plan: LoadPlan, summary: LoadSummary, options: LoadOptions
) -> None:
    """Settle each row's grade from the file's, the load's and the feature's present one.

    A grade is raised at once. It is only lowered by a load that says so: otherwise the feature keeps its own where
    the load has a lower one or none.
    """
    await connection.execute(f"ALTER TABLE {STAGED} ADD COLUMN IF NOT EXISTS {GRADE} smallint")
    if plan.inferred or summary.mode == "append":
        return
    lower = await connection.fetchval(
        f"""WITH known AS (
            SELECT s.id, coalesce(s.{GRADE}, {options.grade or "NULL"}::smallint) AS said, t.{GRADE} AS had
            FROM {STAGED} AS s JOIN {table_of(plan.definition.id)} AS t ON t.id = s.id
        ), settled AS (
            SELECT id, {"coalesce" if options.lower_grades else "greatest"}(said, had) AS grade FROM known
        ), changed AS (
            UPDATE {STAGED} AS s SET {GRADE} = k.grade FROM settled AS k
            WHERE k.id = s.id AND k.grade IS DISTINCT FROM coalesce(s.{GRADE}, {_default_grade(plan, options)})
        )
        SELECT count(*) FILTER (WHERE said < had) FROM known"""
    )
    if lower and not options.lower_grades:
        summary.notes += (f"{lower} 个要素保留更高的分级 features keep their higher grade (--lower-grades lowers it)",)


def _default_grade(plan: LoadPlan, options: LoadOptions) -> int:
    return int(options.grade or plan.definition.grade)


async def _rows_to_derive(connection: asyncpg.Connection, plan: LoadPlan) -> str:
    """Return the table of the rows whose derived fields the database must still compute."""
    place = plan.placed.get("grid_of_point")
    if place is None or plan.places is None or await grids_version(connection) != plan.places.version:
        return STAGED
    await connection.execute(
        f"""CREATE TEMP TABLE load_unplaced ON COMMIT DROP AS
        SELECT id FROM {STAGED} WHERE {quote_identifier(place)} IS NULL; ANALYZE load_unplaced"""
    )
    return "load_unplaced"


def _source_columns(plan: LoadPlan, options: LoadOptions) -> dict[str, str]:
    """Return the columns that the source fills, with the staged value of each."""
    geometry = {"geom": "ST_Multi(s.geom)" if plan.definition.geometry_type.startswith("Multi") else "s.geom"}
    own = {f.name: f"s.{quote_identifier(f.name)}" for f in plan.fields}
    if GRADE in plan.definition.by_name:
        own[GRADE] = f"coalesce(s.{GRADE}, {_default_grade(plan, options)})"
    return {"id": "s.id"} | (geometry if plan.located else {}) | own


def _filling(plan: LoadPlan, options: LoadOptions) -> tuple[list[str], str]:
    """Return the columns of new rows and their query, in an order that keeps neighbours on the map together."""
    source_columns = _source_columns(plan, options)
    new = source_columns | _maintained_columns(plan, source_columns)
    order = "s.geom" if plan.located else "s.line"
    return list(new), f"SELECT {', '.join(new.values())} FROM {STAGED} AS s ORDER BY {order}"


def _writing(plan: LoadPlan, options: LoadOptions, mode: str, columns: list[str], select: str) -> str:
    """Return the statement that writes into the layer's present table."""
    table, source_columns = table_of(plan.definition.id), _source_columns(plan, options)
    if mode == "upsert":
        changes = {c: f"excluded.{quote_identifier(c)}" for c in source_columns if c != "id"}
        if not plan.located and plan.definition.geometry_type != "None":
            # without a geometry only existing features change; fields without a column keep their values
            changes = {c: v for c, v in source_columns.items() if c != "id"} | _bumps(plan.definition, source_columns)
            return f"UPDATE {table} AS t SET {_assignments(changes)} FROM {STAGED} AS s WHERE t.id = s.id"
        changes |= _bumps(plan.definition, source_columns)
        conflict = f" ON CONFLICT (id) DO UPDATE SET {_assignments(changes)}"
    else:
        conflict = ""
    names = ", ".join(map(quote_identifier, columns))
    return f"INSERT INTO {table} AS t ({names}) {select}{conflict}"


def _bumps(definition: LayerDefinition, source_columns: dict[str, str]) -> dict[str, str]:
    bumps = {"version": "coalesce(t.version, 1) + 1", "updated_at": "now()"}
    return {c: v for c, v in bumps.items() if _is_maintained(definition, c) and c not in source_columns}


def _is_maintained(definition: LayerDefinition, column: str) -> bool:
    """Whether OneMap maintains a column: a `version` or `created_at` made from a file is the user's."""
    return column in definition.by_name and definition.by_name[column].common


def _assignments(changes: dict[str, str]) -> str:
    return ", ".join(f"{quote_identifier(c)} = {v}" for c, v in changes.items()) or "id = t.id"


def _maintained_columns(plan: LoadPlan, source_columns: dict[str, str]) -> dict[str, str]:
    """Return the maintained columns of new rows that the file does not fill."""
    made = {"created_at": "now()", "updated_at": "now()", "version": "1"}
    if plan.located:
        made["crs_source"] = quote_literal(plan.gate.crs.name)
    return {c: v for c, v in made.items() if _is_maintained(plan.definition, c) and c not in source_columns}


async def _record(
    connection: asyncpg.Connection, summary: LoadSummary, options: LoadOptions, crs: str, resolved: list[int]
) -> None:
    reasons = await connection.fetch(f"SELECT reason, count(*) AS n FROM {REJECTED} GROUP BY reason")
    summary.rejected = Counter({row["reason"]: row["n"] for row in reasons})
    kept = asdict(options) | {
        "crs": crs,
        "fixes": sorted(options.fixes),
        "repaired": summary.repaired,
        "rejected": summary.rejected,
    }
    summary.load_id = await connection.fetchval(
        """INSERT INTO onemap.load (layer, source, mode, read, loaded, repaired, rejected, finished_at, summary)
        VALUES ($1, $2, $3, $4, $5, $6, $7, clock_timestamp(), $8::jsonb) RETURNING id""",
        summary.layer,
        summary.source,
        summary.mode,
        summary.read,
        summary.loaded,
        summary.repaired.total(),
        summary.rejected.total(),
        json.dumps(kept, ensure_ascii=False),
    )
    await connection.execute(
        f"""INSERT INTO onemap.quarantine (load_id, layer, source, line, reason, detail, record)
        SELECT $1, $2, $3, line, reason, detail, record FROM {REJECTED} ORDER BY line""",
        summary.load_id,
        summary.layer,
        summary.source,
    )
    await connection.execute("UPDATE onemap.quarantine SET resolved_at = now() WHERE id = ANY($1::bigint[])", resolved)
