"""GeoTIFF: checked, stored as a cloud-optimised GeoTIFF, and entered into the catalogue of rasters."""

from __future__ import annotations

import asyncio
import json
import os
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import rasterio
import rasterio.shutil
from rasterio.crs import CRS
from rasterio.env import Env
from rasterio.errors import NotGeoreferencedWarning
from rasterio.warp import transform_bounds

from layers.crs import STORED_SRID
from layers.database import Role, connect
from layers.definition import IDENTIFIER
from layers.errors import BadFile, BadInput
from layers.gate import parse_source_crs
from layers.loaders.sniff import Format, sniff

PIXELS_MAX = 10_000_000_000
BANDS_MAX = 64
_SAFE = {
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",  # no side files
    "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": ".none",
    "GDAL_CACHEMAX": 128,  # MB
    "GDAL_NUM_THREADS": "2",
}
_INSERT = """
INSERT INTO onemap.raster (id, title, file, source, srid, width, height, bands, resolution, extent, bytes, grade,
    vertical_datum, synthetic)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8::jsonb, $9, ST_MakeEnvelope($10, $11, $12, $13, 4490), $14, $15, $16, $17)
ON CONFLICT (id) DO UPDATE SET
    (title, file, source, srid, width, height, bands, resolution, extent, bytes, grade, vertical_datum, synthetic,
        loaded_at)
    = (excluded.title, excluded.file, excluded.source, excluded.srid, excluded.width, excluded.height, excluded.bands,
       excluded.resolution, excluded.extent, excluded.bytes, excluded.grade, excluded.vertical_datum,
       excluded.synthetic, now())
"""


@dataclass(frozen=True, slots=True)
class RasterSummary:
    """A raster that was stored.

    Attributes
    ----------
    extent_crs84
        West, south, east, north in degrees.
    """

    id: str
    file: Path
    srid: int
    width: int
    height: int
    bands: int
    extent_crs84: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Said:
    """What a raster is said to be.

    Attributes
    ----------
    grade
        Data grade, 1 to 4.
    vertical_datum
        What heights in it are above; None for anything but heights, or when nobody knows.
    synthetic
        Whether it is made up.
    """

    grade: int = 2
    vertical_datum: str | None = None
    synthetic: bool = False


async def load_raster(
    url: str, path: Path, raster_id: str, folder: Path, *, crs: str = "auto", said: Said | None = None
) -> RasterSummary:
    """Store a GeoTIFF as a cloud-optimised one and catalogue it; a raster of that id is replaced.

    Parameters
    ----------
    url, path
        The database, and the file.
    raster_id
        Its id: a-z, 0-9 and _.
    folder
        Where rasters are kept; it is made when missing.
    crs
        ``auto`` or an EPSG code; pixels are not shifted, so GCJ-02 and BD-09 are refused.
    said
        What nobody can read from the file.

    Raises
    ------
    BadFile
        When it is no GeoTIFF, is damaged, has no position, or is larger than allowed. Nothing has changed then.
    BadInput
        When the id or the reference system is not allowed.
    """
    if not re.match(IDENTIFIER, raster_id):
        raise BadInput(f"'{raster_id[:80]}' is no id; a-z, 0-9 and _ are allowed", parameter="layer")
    if sniff(path) is not Format.GEOTIFF:
        raise BadFile(f"'{path.name}' is not a GeoTIFF", parameter=path.name)
    srid = None if crs == "auto" else parse_source_crs(crs)
    if srid is not None and srid.datum:
        raise BadInput("a raster cannot be loaded from GCJ-02 or BD-09; warp it first", parameter="crs")
    folder.mkdir(parents=True, exist_ok=True)
    stored = folder / f"{raster_id}.tif"
    fresh = folder / f".{raster_id}.{os.getpid()}.tif"
    try:
        described = await asyncio.to_thread(_store, path, fresh, srid.srid if srid else None)
        connection = await connect(url, Role.OWNER)
        try:
            async with connection.transaction():
                size = fresh.stat().st_size
                await _catalogue(connection, raster_id, path, stored, size, described, said or Said())
                fresh.replace(stored)
        finally:
            await connection.close()
    finally:
        fresh.unlink(missing_ok=True)
    return RasterSummary(
        raster_id,
        stored,
        described["srid"],
        described["width"],
        described["height"],
        len(described["bands"]),
        described["extent"],
    )


def _store(path: Path, target: Path, srid: int | None) -> dict[str, Any]:
    try:
        with warnings.catch_warnings(action="ignore", category=NotGeoreferencedWarning), _opened(path) as source:
            described = _describe(path, source, srid)
            options = {"compress": "DEFLATE", "blocksize": 512, "overviews": "AUTO", "BIGTIFF": "IF_SAFER"}
            rasterio.shutil.copy(source, target, driver="COG", **options)
            return described
    except BadFile:
        raise
    except Exception as error:  # GDAL's own errors reach us under no public name
        raise BadFile(f"'{path.name}' cannot be stored: {str(error)[:300]}", parameter=path.name) from error


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    with Env(**_SAFE), rasterio.open(path, driver="GTiff") as source:
        yield source


def _describe(path: Path, source: Any, srid: int | None) -> dict[str, Any]:
    if source.width * source.height > PIXELS_MAX or source.count > BANDS_MAX:
        raise BadFile(f"'{path.name}' has more than {PIXELS_MAX:,} pixels or {BANDS_MAX} bands", parameter=path.name)
    code = srid or (source.crs.to_epsg() if source.crs else None)
    if code is None or source.transform.is_identity:
        raise BadFile(
            f"'{path.name}' does not say where it lies; declare --crs, or add a geotransform", parameter=path.name
        )
    extent = transform_bounds(CRS.from_epsg(code), CRS.from_epsg(STORED_SRID), *source.bounds)
    bands = [
        {"type": kind, "nodata": None if nodata is None else str(nodata)}
        for kind, nodata in zip(source.dtypes, source.nodatavals, strict=True)
    ]
    return {
        "srid": code,
        "width": source.width,
        "height": source.height,
        "bands": bands,
        "resolution": list(source.res),
        "extent": extent,
    }


async def _catalogue(
    connection: Any,
    raster_id: str,
    path: Path,
    stored: Path,
    size: int,
    described: dict[str, Any],
    said: Said,
) -> None:
    await connection.execute(
        _INSERT,
        raster_id,
        path.stem,
        stored.name,
        path.name,
        described["srid"],
        described["width"],
        described["height"],
        json.dumps(described["bands"]),
        described["resolution"],
        *described["extent"],
        size,
        said.grade,
        said.vertical_datum,
        said.synthetic,
    )
