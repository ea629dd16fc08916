"""GeoTIFFs into the store of rasters: a raster has one member or many, beside, over or after each other."""

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
VALUES ($1, coalesce($8, $2), coalesce($3, 2), $4, $5, coalesce($6, 'newest'))
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
    """Files that were stored as members of a raster; the other facts are those of the last.

    Attributes
    ----------
    extent_crs84
        West, south, east, north in degrees.
    time
        What it shows was then, in UTC; None for what has no time.
    members
        How many the raster has now.
    notes
        What is to be said of the new ones.
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
    """What a raster is said to be; None leaves what was said before.

    Attributes
    ----------
    grade
        Data grade, 1 to 4; 2 for a new raster. Appending never lowers it.
    vertical_datum
        What heights in it are above; None for anything but heights, or when nobody knows.
    synthetic
        Whether it is made up.
    overlap
        Which of two members is seen where both have a value: the one loaded last (``newest``, as of a new raster),
        or ``first``.
    title
        What it is called; the name of its first file for a new raster.
    """

    grade: int | None = None
    vertical_datum: str | None = None
    synthetic: bool = False
    overlap: Overlap | None = None
    title: str | None = None


@dataclass(frozen=True, slots=True)
class _Fresh:
    """A file that was written and is not yet known to anybody."""

    source: Path
    written: Path
    told: GeotiffSummary
    time: datetime | None


async def load_raster(
    url: str,
    paths: Path | Sequence[Path],
    raster_id: str,
    folder: Path,
    *,
    crs: str = "auto",
    said: RasterOptions | None = None,
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
        Where rasters are kept; it is made when missing.
    crs
        ``auto`` or an EPSG code; pixels are not shifted, so GCJ-02 and BD-09 are refused.
    said
        What nobody can read from the files.
    mode
        ``append`` adds members, ``replace`` removes all others, ``upsert`` those from files of the same name and time.
    time
        When what is shown was: see `raster_time`; a list gives each file's.

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
    srid = _checked(raster_id, files, crs, mode)
    folder.mkdir(parents=True, exist_ok=True)
    fresh: list[_Fresh] = []
    try:
        for file, when in zip(files, map(when_of, times), strict=True):
            written = folder / f".{raster_id}.{os.getpid()}.{uuid4().hex[:8]}.tif"
            try:
                told = await asyncio.to_thread(write_cog, file, written, srid)
                fresh.append(_Fresh(file, written, told, _time(when, file, told)))
            except BaseException:
                written.unlink(missing_ok=True)
                raise
        return await _catalogued(url, raster_id, folder, fresh, said or RasterOptions(), mode)
    finally:
        for one in fresh:
            one.written.unlink(missing_ok=True)


def _checked(raster_id: str, files: Sequence[Path], crs: str, mode: str) -> int | None:
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


def _time(when: WhenOf | None, file: Path, told: GeotiffSummary) -> datetime | None:
    return when(file.name, told.tagged_time) if when else None


async def _catalogued(
    url: str, raster_id: str, folder: Path, fresh: Sequence[_Fresh], said: RasterOptions, mode: str
) -> RasterSummary:
    connection = await connect(url, Role.OWNER)
    placed: list[Path] = []
    try:
        async with connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock(hashtext('onemap raster ' || $1))", raster_id)
            gone = await _removed(connection, raster_id, fresh, mode)
            members = await _fitting(connection, raster_id, fresh, said)
            await connection.execute(
                _HEAD,
                raster_id,
                fresh[0].source.stem,
                said.grade,
                said.vertical_datum,
                said.synthetic,
                said.overlap,
                mode == "replace",
                said.title,
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
    for name in gone:  # who has one open reads on; who opens it now asks the catalogue again
        (folder / name).unlink(missing_ok=True)
    last = fresh[-1].told
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
        notes=tuple(dict.fromkeys(one.told.note for one in fresh if one.told.note)),
    )


async def _removed(connection: asyncpg.Connection, raster_id: str, fresh: Sequence[_Fresh], mode: str) -> list[str]:
    """Take out the members that the new ones stand for; return the names of their files."""
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


async def _fitting(connection: asyncpg.Connection, raster_id: str, fresh: Sequence[_Fresh], said: RasterOptions) -> int:
    """Refuse what does not go together with the members there are; return how many there will be."""
    row = await connection.fetchrow(_KEPT, raster_id)
    first = fresh[0]
    bands, kind, timed = len(first.told.bands), first.told.bands[0]["type"], first.time is not None
    datum, already = said.vertical_datum, 0
    if row is not None:
        bands, kind, timed, already = row["bands"], row["type"], row["timed"] > 0, row["members"]
        if datum and row["vertical_datum"] and datum != row["vertical_datum"]:
            told = f"raster '{raster_id}' has heights above {row['vertical_datum']}, not {datum}"
            raise BadInput(told, parameter="vertical_datum")
    for one in fresh:
        if (len(one.told.bands), one.told.bands[0]["type"]) != (bands, kind):
            raise BadInput(
                f"'{one.source.name}' has {len(one.told.bands)} bands of {one.told.bands[0]['type']}; the other "
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
    told = one.told
    return (
        raster_id,
        stored.name,
        one.source.name,
        one.time,
        told.srid,
        told.width,
        told.height,
        orjson.dumps(told.bands).decode(),
        list(told.resolution),
        *told.extent_crs84,
        size,
    )
