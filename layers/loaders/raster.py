"""The load of GeoTIFFs into the store of rasters: a raster has one member or many, in space or in time."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal
from uuid import uuid4

import asyncpg
import orjson

from layers.coordinates.source_crs import parse_source_crs
from layers.database.connection import Role, connect
from layers.definition import IDENTIFIER
from layers.errors import BadFile, BadInput, TooMuch
from layers.loaders.geotiff import GeotiffSummary, write_cog
from layers.loaders.raster_time import WhenOf, when_of
from layers.loaders.sniff import Format, sniff

MODES = ("append", "replace", "upsert")
MEMBERS_MAX = 50_000
Overlap = Literal["newest", "first"]
_HEAD = """
INSERT INTO onemap.raster AS r (id, title, grade, vertical_datum, synthetic, overlap)
VALUES ($1, coalesce($8, $2), coalesce($3, 3), $4, $5, coalesce($6, 'newest'))
ON CONFLICT (id) DO UPDATE SET
    grade = greatest(coalesce($3, r.grade), CASE WHEN $7 THEN 1 ELSE r.grade END),
    vertical_datum = coalesce($4, CASE WHEN $7 THEN NULL ELSE r.vertical_datum END),
    synthetic = $5 OR (r.synthetic AND NOT $7),
    overlap = coalesce($6, r.overlap),
    title = coalesce($8, CASE WHEN $7 THEN $2 ELSE r.title END),
    loaded_at = now()
"""
_MEMBER = """
INSERT INTO onemap.raster_member
    (raster, file, source, phenomenon_time, srid, width, height, bands, resolution, extent, bytes)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8::jsonb, $9, ST_MakeEnvelope($10, $11, $12, $13, 4490), $14)
"""
_KEPT = """
SELECT r.vertical_datum, count(*) AS members, count(m.phenomenon_time) AS timed,
    min(jsonb_array_length(m.bands)) AS bands, min(m.bands -> 0 ->> 'type') AS type
FROM onemap.raster AS r JOIN onemap.raster_member AS m ON m.raster = r.id
WHERE r.id = $1 GROUP BY r.id
"""


@dataclass(frozen=True, slots=True)
class RasterSummary:
    """Files that were stored as members of a raster; all attributes but the counts are those of the last.

    Attributes
    ----------
    extent_crs84
        West, south, east, north in degrees.
    time
        The moment it shows, in UTC; None for a raster without time.
    members
        Number of members the raster has now.
    notes
        Notes on the new members for people.
    """

    id: str
    file: Path
    srid: int
    width: int
    height: int
    bands: int
    extent_crs84: tuple[float, float, float, float]
    time: datetime | None
    members: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RasterOptions:
    """A user's declarations of a raster; None keeps the present value.

    Attributes
    ----------
    grade
        Data grade, 1 to 4; 3 for a new raster. Appending never lowers it.
    vertical_datum
        The reference of its heights; None for other values, or when it is unknown.
    synthetic
        Whether it is synthetic.
    overlap
        Which of two members is shown where both have a value: the one loaded last (``newest``, the default of a new
        raster), or ``first``.
    title
        Its title; by default the name of a new raster's first file.
    """

    grade: int | None = None
    vertical_datum: str | None = None
    synthetic: bool = False
    overlap: Overlap | None = None
    title: str | None = None


@dataclass(frozen=True, slots=True)
class _Fresh:
    """A file that was written and is not yet in the catalogue."""

    source: Path
    written: Path
    summary: GeotiffSummary
    time: datetime | None


async def load_raster(
    url: str,
    paths: Path | Sequence[Path],
    raster_id: str,
    folder: Path,
    *,
    crs: str = "auto",
    options: RasterOptions | None = None,
    mode: str = "append",
    time: str | Sequence[str] | None = None,
) -> RasterSummary:
    """Store GeoTIFFs as cloud-optimised ones and catalogue them as members of a raster, all or none.

    Parameters
    ----------
    url, paths
        The database, and the files.
    raster_id
        Its id: a-z, 0-9 and _.
    folder
        The folder of the rasters; created when missing.
    crs
        ``auto`` or an EPSG code; pixels are not shifted, so GCJ-02 and BD-09 are refused.
    options
        The user's declarations.
    mode
        ``append`` adds members, ``replace`` removes all others, ``upsert`` those from files of the same name and time.
    time
        The moment that is shown, see `raster_time`; a list has one for each file.

    Raises
    ------
    BadFile
        When one is no GeoTIFF, is damaged, has no position, or is larger than allowed. Nothing has changed then.
    BadInput
        When the id, the reference system, the mode or the time is not allowed, or a file does not fit the others.
    TooMuch
        When the raster would have more members than allowed.
    """
    files = [paths] if isinstance(paths, Path) else list(paths)
    times: list[str | None] = list(time) if isinstance(time, (list, tuple)) else [time] * len(files)  # type: ignore[list-item]
    srid = _check(raster_id, files, crs, mode)
    folder.mkdir(parents=True, exist_ok=True)
    fresh: list[_Fresh] = []
    try:
        for file, when in zip(files, map(when_of, times), strict=True):
            written = folder / f".{raster_id}.{os.getpid()}.{uuid4().hex[:8]}.tif"
            try:
                summary = await asyncio.to_thread(write_cog, file, written, srid)
                fresh.append(_Fresh(file, written, summary, _time(when, file, summary)))
            except BaseException:
                written.unlink(missing_ok=True)
                raise
        return await _catalogue(url, raster_id, folder, fresh, options or RasterOptions(), mode)
    finally:
        for one in fresh:
            one.written.unlink(missing_ok=True)


def _check(raster_id: str, files: Sequence[Path], crs: str, mode: str) -> int | None:
    if not re.fullmatch(IDENTIFIER, raster_id):
        raise BadInput(f"'{raster_id[:80]}' is no id; a-z, 0-9 and _ are allowed", parameter="layer")
    if mode not in MODES:
        raise BadInput(f"mode is '{mode[:40]}'; allowed are {', '.join(MODES)}", parameter="mode")
    for path in files:
        if sniff(path) is not Format.GEOTIFF:
            raise BadFile(f"'{path.name}' is not a GeoTIFF", parameter=path.name)
    declared = None if crs == "auto" else parse_source_crs(crs)
    if declared is not None and declared.datum:
        raise BadInput("a raster cannot be loaded from GCJ-02 or BD-09; warp it first", parameter="crs")
    return declared.srid if declared else None


def _time(when: WhenOf | None, file: Path, summary: GeotiffSummary) -> datetime | None:
    return when(file.name, summary.tagged_time) if when else None


async def _catalogue(
    url: str, raster_id: str, folder: Path, fresh: Sequence[_Fresh], options: RasterOptions, mode: str
) -> RasterSummary:
    connection = await connect(url, Role.OWNER)
    placed: list[Path] = []
    try:
        async with connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock(hashtext('onemap raster ' || $1))", raster_id)
            gone = await _remove(connection, raster_id, fresh, mode)
            members = await _check_fit(connection, raster_id, fresh, options)
            await connection.execute(
                _HEAD,
                raster_id,
                fresh[0].source.stem,
                options.grade,
                options.vertical_datum,
                options.synthetic,
                options.overlap,
                mode == "replace",
                options.title,
            )
            for one in fresh:
                stored = folder / f"{raster_id}.{uuid4().hex[:12]}.tif"
                size = one.written.stat().st_size
                one.written.replace(stored)
                placed.append(stored)
                await connection.execute(_MEMBER, *_row(raster_id, stored, one, size))
    except BaseException:
        for stored in placed:
            stored.unlink(missing_ok=True)
        raise
    finally:
        await connection.close()
    for name in gone:  # open files stay readable; a failed opening asks the catalogue again
        (folder / name).unlink(missing_ok=True)
    last = fresh[-1].summary
    return RasterSummary(
        id=raster_id,
        file=placed[-1],
        srid=last.srid,
        width=last.width,
        height=last.height,
        bands=len(last.bands),
        extent_crs84=last.extent_crs84,
        time=fresh[-1].time,
        members=members,
        notes=tuple(dict.fromkeys(one.summary.note for one in fresh if one.summary.note)),
    )


async def _remove(connection: asyncpg.Connection, raster_id: str, fresh: Sequence[_Fresh], mode: str) -> list[str]:
    """Delete the members that the new ones replace; return the names of their files."""
    if mode == "append":
        return []
    if mode == "replace":
        rows = await connection.fetch("DELETE FROM onemap.raster_member WHERE raster = $1 RETURNING file", raster_id)
        return [row["file"] for row in rows]
    rows = await connection.fetch(
        """DELETE FROM onemap.raster_member AS m USING unnest($2::text[], $3::timestamptz[]) AS n (source, at)
        WHERE m.raster = $1 AND m.source = n.source AND m.phenomenon_time IS NOT DISTINCT FROM n.at
        RETURNING m.file""",
        raster_id,
        [one.source.name for one in fresh],
        [one.time for one in fresh],
    )
    return [row["file"] for row in rows]


async def _check_fit(
    connection: asyncpg.Connection, raster_id: str, fresh: Sequence[_Fresh], options: RasterOptions
) -> int:
    """Check that the new members fit the present ones; return their number together."""
    row = await connection.fetchrow(_KEPT, raster_id)
    first = fresh[0]
    bands, kind, timed = len(first.summary.bands), first.summary.bands[0]["type"], first.time is not None
    datum, already = options.vertical_datum, 0
    if row is not None:
        bands, kind, timed, already = row["bands"], row["type"], row["timed"] > 0, row["members"]
        if datum and row["vertical_datum"] and datum != row["vertical_datum"]:
            message = f"raster '{raster_id}' has heights above {row['vertical_datum']}, not {datum}"
            raise BadInput(message, parameter="vertical_datum")
    for one in fresh:
        if (len(one.summary.bands), one.summary.bands[0]["type"]) != (bands, kind):
            raise BadInput(
                f"'{one.source.name}' has {len(one.summary.bands)} bands of {one.summary.bands[0]['type']}; the other "
                f"members of raster '{raster_id}' have {bands} of {kind}",
                parameter=one.source.name,
            )
        if (one.time is not None) != timed:
            has = "have a time: say --time" if timed else "have no time"
            raise BadInput(f"the other members of raster '{raster_id}' {has}", parameter="time")
    if already + len(fresh) > MEMBERS_MAX:
        raise TooMuch(f"raster '{raster_id}' would have {already + len(fresh):,} members; at most {MEMBERS_MAX:,}")
    return already + len(fresh)


def _row(raster_id: str, stored: Path, one: _Fresh, size: int) -> tuple[Any, ...]:
    summary = one.summary
    return (
        raster_id,
        stored.name,
        one.source.name,
        one.time,
        summary.srid,
        summary.width,
        summary.height,
        orjson.dumps(summary.bands).decode(),
        list(summary.resolution),
        *summary.extent_crs84,
        size,
    )
