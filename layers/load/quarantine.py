"""Rows that could not be loaded: listed, exported for correction, and loaded again."""

from __future__ import annotations

import csv
import json
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import asyncpg
import shapely

from layers.database.connection import Role, connected
from layers.errors import NotFound
from layers.load import LoadOptions, LoadProgress, LoadSummary, load_file
from layers.load.mapping import QUARANTINE_COLUMNS
from layers.loaders.batch import GEOMETRY_KEY
from layers.loaders.columns import DECLARABLE
from layers.spreadsheet import guarded

LIST_MAX = 1000
_OPEN = "SELECT * FROM onemap.quarantine WHERE resolved_at IS NULL AND ($1::text IS NULL OR layer = $1)"

_WAITING_LOADS = """
SELECT q.load_id, l.mode, l.summary FROM onemap.quarantine AS q LEFT JOIN onemap.load AS l ON l.id = q.load_id
WHERE q.resolved_at IS NULL AND q.layer = $1 GROUP BY 1, 2, 3 ORDER BY 1
"""


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A refused row, as the table has it."""

    id: int
    load_id: int | None
    layer: str
    source: str
    line: int | None
    reason: str
    detail: str | None
    record: dict[str, Any]
    created_at: datetime


async def list_quarantine(
    url: str, layer: str | None = None, *, reason: str | None = None, limit: int = 50, after: int = 0
) -> list[Quarantined]:
    """Return the waiting rows in the order of their arrival.

    Parameters
    ----------
    layer, reason
        Only rows of these; None is all.
    limit
        At most `LIST_MAX`.
    after
        Only entries with a greater id: the last one of the page before.
    """
    async with connected(url, Role.OWNER) as connection:
        rows = await connection.fetch(
            f"{_OPEN} AND ($2::text IS NULL OR reason = $2) AND id > $3 ORDER BY id LIMIT $4",
            layer,
            reason,
            after,
            min(limit, LIST_MAX),
        )
        return [_entry(row) for row in rows]


async def count_quarantine(url: str) -> dict[tuple[str, str], int]:
    """Return the numbers of waiting rows, by layer and reason."""
    async with connected(url, Role.OWNER) as connection:
        rows = await connection.fetch(
            """SELECT layer, reason, count(*) AS n FROM onemap.quarantine
            WHERE resolved_at IS NULL GROUP BY 1, 2 ORDER BY 1, 2"""
        )
        return {(row["layer"], row["reason"]): row["n"] for row in rows}


async def require_layer(url: str, layer: str) -> None:
    """Check that a layer of this id exists, or existed when its rows were refused.

    Raises
    ------
    NotFound
        When it does not: a mistyped name must not look like an empty quarantine.
    """
    async with connected(url, Role.OWNER) as connection:
        known = await connection.fetchval(
            "SELECT $1 IN (SELECT id FROM onemap.layer UNION ALL SELECT layer FROM onemap.load)",
            layer,
        )
    if not known:
        raise NotFound(f"there is no layer '{layer[:80]}'; ./onemap layers lists them", parameter="layer")


async def export_quarantine(
    url: str, path: Path, layer: str | None = None, *, kind: Literal["csv", "geojson"] = "csv"
) -> int:
    """Write the waiting rows to a file that can be corrected and loaded again.

    Parameters
    ----------
    path
        The file; it is overwritten.
    layer
        Only its rows; None is all.
    kind
        ``csv`` (UTF-8 with the byte order mark that spreadsheets need; cells that a spreadsheet would run as a formula
        begin with an apostrophe) or ``geojson`` (for viewing: original geometries, absent where they are unreadable).

    Returns
    -------
    int
        Number of rows written; for 0 the file has no rows.
    """
    async with connected(url, Role.OWNER) as connection, connection.transaction():
        entries = _entries(connection, layer)
        if kind == "csv":
            return await _write_csv(path, entries, await _columns(connection, layer))
        return await _write_geojson(path, entries)


async def retry_quarantine(
    url: str,
    layer: str,
    *,
    corrected: Path | None = None,
    progress: Callable[[LoadProgress], None] | None = None,
    **changes: Any,
) -> list[LoadSummary]:
    """Load a layer's waiting rows again, after their cause has been removed.

    The rows of each load are loaded with the options of that load, but for those that change. Rows that fail again
    wait under a new id; the old entries are resolved.

    Parameters
    ----------
    corrected
        An export of the quarantine whose rows were corrected; None loads the unchanged rows, which helps when the
        cause lay elsewhere: a code list, the district's outline, an option.
    changes
        Members of `LoadOptions` to use instead of those of the first load, for example
        ``fixes=frozenset({"swapped"})``.

    Returns
    -------
    list of LoadSummary
        One for each load with waiting rows.

    Raises
    ------
    NotFound
        When no row of that layer waits.
    """
    async with connected(url, Role.OWNER) as connection:
        loads = await connection.fetch(_WAITING_LOADS, layer)
        if not loads:
            raise NotFound(f"nothing of layer '{layer[:80]}' waits in the quarantine", parameter="layer")
        if corrected is not None:
            options = replace(_options(loads[0], None), **changes)
            return [await load_file(url, corrected, layer, options, mode=_mode(loads[0]), progress=progress)]
        summaries = []
        with tempfile.TemporaryDirectory(prefix="onemap-retry-") as folder:
            for load in loads:
                path = Path(folder) / f"retry_{load['load_id']}.csv"
                async with connection.transaction():
                    columns = await _columns(connection, layer, load["load_id"])
                    await _write_csv(path, _entries(connection, layer, load["load_id"]), columns)
                options = replace(_options(load, columns), **changes)
                summaries.append(await load_file(url, path, layer, options, mode=_mode(load), progress=progress))
        return summaries


def _options(load: asyncpg.Record, columns: list[str] | None) -> LoadOptions:
    """Return the options of the first load, as far as they fit a CSV that has these columns (None: any)."""
    summary = json.loads(load["summary"] or "{}")
    mapping = {f: c for f, c in summary.get("mapping", {}).items() if columns is None or c in columns}
    if columns is not None and GEOMETRY_KEY in columns and not set(DECLARABLE) & mapping.keys():
        mapping["wkt"] = GEOMETRY_KEY
    return LoadOptions(
        crs=summary.get("crs", "auto"),
        mapping=mapping,
        grade=summary.get("grade"),
        fixes=frozenset(summary.get("fixes", ())),
        anywhere=summary.get("anywhere", False),
        no_geometry=summary.get("no_geometry", False),
        lower_grades=summary.get("lower_grades", False),
    )


def _mode(load: asyncpg.Record) -> str:
    return "upsert" if load["mode"] == "upsert" else "append"  # a retry never empties the layer


def _entry(row: asyncpg.Record) -> Quarantined:
    names = ("id", "load_id", "layer", "source", "line", "reason", "detail", "created_at")
    fields = {name: row[name] for name in names}
    return Quarantined(record=json.loads(row["record"] or "{}"), **fields)


async def _entries(
    connection: asyncpg.Connection, layer: str | None, load_id: int | None = None
) -> AsyncIterator[Quarantined]:
    query = f"{_OPEN} AND ($2::bigint IS NULL OR load_id = $2) ORDER BY id"
    async for row in connection.cursor(query, layer, load_id, prefetch=500):
        yield _entry(row)


async def _columns(connection: asyncpg.Connection, layer: str | None, load_id: int | None = None) -> list[str]:
    """Return the keys of all records, in the order of their first appearance."""
    rows = await connection.fetch(
        f"""SELECT key FROM ({_OPEN} AND ($2::bigint IS NULL OR load_id = $2)) AS q,
        LATERAL jsonb_object_keys(coalesce(q.record, '{{}}')) WITH ORDINALITY AS k (key, place)
        GROUP BY key ORDER BY min(q.id), min(place)""",
        layer,
        load_id,
    )
    return [row["key"] for row in rows if row["key"] not in QUARANTINE_COLUMNS]


async def _write_csv(path: Path, entries: AsyncIterator[Quarantined], columns: list[str]) -> int:
    count = 0
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*QUARANTINE_COLUMNS, *(guarded(c) for c in columns)])
        async for entry in entries:
            cells = [entry.record.get(c) for c in columns]
            about = [entry.id, entry.line, entry.reason, guarded(entry.detail or "")]
            writer.writerow([*about, *(guarded(_cell(c)) for c in cells)])
            count += 1
    return count


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


async def _write_geojson(path: Path, entries: AsyncIterator[Quarantined]) -> int:
    count = 0
    with path.open("w", encoding="utf-8") as file:
        file.write('{"type":"FeatureCollection","features":[')
        async for entry in entries:
            file.write(",\n" if count else "\n")
            file.write(json.dumps(_feature(entry), ensure_ascii=False))
            count += 1
        file.write("\n]}\n")
    return count


def _feature(entry: Quarantined) -> dict[str, Any]:
    about = {"_quarantine_id": entry.id, "_line": entry.line, "_reason": entry.reason, "_detail": entry.detail}
    properties = {k: v for k, v in entry.record.items() if k != GEOMETRY_KEY}
    return {"type": "Feature", "properties": about | properties, "geometry": _geometry(entry.record.get(GEOMETRY_KEY))}


def _geometry(text: Any) -> dict[str, Any] | None:
    with suppress(shapely.errors.GEOSException, TypeError, ValueError):
        read = shapely.from_wkt(text)
        return None if read is None else json.loads(shapely.to_geojson(read))
    return None
